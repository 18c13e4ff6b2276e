-- Movements in a currency that is not the entity's own, with what each is at the rate of its day
-- (ASC 830-20-25-1: spot, else the latest before it; null where none is known).

with

movements as (

    select * from {{ ref('int_movements__before_netting') }}

),

entities as (

    select
        entity_id,
        functional_currency_code
    from {{ ref('ref_legal_entities') }}

),

final as (

    select
        movements.entity_id,
        movements.contract_id,
        movements.arrangement_id,
        movements.obligation_id,
        movements.movement,
        movements.economic_date,
        movements.economic_period,
        movements.currency_code,
        movements.debit_role,
        movements.credit_role,
        movements.amount_minor,
        entities.functional_currency_code,
        coalesce(policies.rounding_unit_minor, 1) as rounding_unit_minor,
        {{ in_units(
            'movements.amount_minor * rates.spot_rate * rates.minor_factor', 'coalesce(policies.rounding_unit_minor, 1)'
        ) }}::bigint as spot_minor
    from movements
    inner join entities
        on
            movements.entity_id = entities.entity_id
            and movements.currency_code <> entities.functional_currency_code
    left join {{ ref('int_policies__in_force') }} as policies
        on
            movements.entity_id = policies.entity_id
            and {{ in_force('policies', 'movements.economic_date') }}
    left join {{ ref('int_fx__rates') }} as rates
        on
            movements.entity_id = rates.entity_id
            and movements.currency_code = rates.currency_code
            and movements.economic_date >= rates.rate_date
            and movements.economic_date < coalesce(rates.until_date, 'infinity'::date)

)

select * from final
