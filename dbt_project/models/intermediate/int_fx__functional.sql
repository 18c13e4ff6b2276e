-- Foreign movements in the entity's own currency, and the gains and losses of what stood open.
--
-- Money owed to us or by us is carried at the rate of the day on which it last moved, or of the last close
-- (ASC 830-20-35-2); what that changes is a movement without an amount in its own currency.

with

movements as (

    select
        movements.*,
        case
            when 'contract_liability' in (movements.debit_role, movements.credit_role) then positions.moved_minor
            else movements.spot_minor
        end as functional_minor
    from {{ ref('int_fx__movements') }} as movements
    left join {{ ref('int_fx__positions') }} as positions
        on
            movements.entity_id = positions.entity_id
            and movements.arrangement_id = positions.arrangement_id
            and movements.currency_code = positions.currency_code
            and movements.contract_id = positions.contract_id
            and movements.obligation_id = positions.obligation_id
            and movements.movement = positions.movement
            and movements.economic_date = positions.economic_date
            and movements.debit_role = positions.debit_role
            and movements.credit_role = positions.credit_role

),

monetary_changes as (

    select
        movements.entity_id,
        movements.arrangement_id,
        movements.currency_code,
        movements.functional_currency_code,
        movements.economic_date,
        sides.account_role,
        sum(sides.direction * movements.amount_minor) as change_minor,
        sum(sides.direction * movements.functional_minor) as functional_minor,
        max(movements.rounding_unit_minor) as rounding_unit_minor
    from movements
    cross join
        lateral (
            values (movements.debit_role, 1), (movements.credit_role, -1)
        ) as sides (account_role, direction)
    where
        sides.account_role in (
            'receivable', 'disputed_receivable', 'due_from_entity', 'due_to_entity', 'refund_liability',
            'deposit_liability', 'customer_credit', 'tax_payable', 'supplier_payable', 'financial_liability'
        )
    group by
        movements.entity_id, movements.arrangement_id, movements.currency_code, movements.functional_currency_code,
        movements.economic_date, sides.account_role

),

first_days as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        functional_currency_code,
        account_role,
        min(economic_date) as first_date,
        max(rounding_unit_minor) as rounding_unit_minor
    from monetary_changes
    group by entity_id, arrangement_id, currency_code, functional_currency_code, account_role

),

days as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        functional_currency_code,
        account_role,
        economic_date,
        change_minor,
        functional_minor,
        rounding_unit_minor
    from monetary_changes
    union all
    select
        first_days.entity_id,
        first_days.arrangement_id,
        first_days.currency_code,
        first_days.functional_currency_code,
        first_days.account_role,
        rates.rate_date as economic_date,
        0 as change_minor,
        0 as functional_minor,
        first_days.rounding_unit_minor
    from first_days
    inner join {{ ref('int_fx__rates') }} as rates
        on
            first_days.entity_id = rates.entity_id
            and first_days.currency_code = rates.currency_code
            and rates.is_closing
            and first_days.first_date <= rates.rate_date

),

standing as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        functional_currency_code,
        account_role,
        economic_date,
        max(rounding_unit_minor) as rounding_unit_minor,
        sum(sum(change_minor)) over to_date as balance_minor,
        sum(sum(functional_minor)) over to_date as carried_minor
    from days
    group by entity_id, arrangement_id, currency_code, functional_currency_code, account_role, economic_date
    window to_date as (
        partition by entity_id, arrangement_id, currency_code, account_role order by economic_date
    )

),

measured as (

    select
        standing.*,
        {{ in_units(
            'standing.balance_minor
            * case when standing.economic_date = rates.rate_date then rates.closing_rate else rates.spot_rate end
            * rates.minor_factor', 'standing.rounding_unit_minor'
        ) }} - standing.carried_minor as gained_to_date_minor
    from standing
    inner join {{ ref('int_fx__rates') }} as rates
        on
            standing.entity_id = rates.entity_id
            and standing.currency_code = rates.currency_code
            and standing.economic_date >= rates.rate_date
            and standing.economic_date < coalesce(rates.until_date, 'infinity'::date)

),

remeasured as (

    select
        entity_id,
        arrangement_id as contract_id,
        arrangement_id,
        economic_date,
        currency_code,
        functional_currency_code,
        account_role as debit_role,
        gained_to_date_minor - lag(gained_to_date_minor, 1, 0::numeric) over (
            partition by entity_id, arrangement_id, currency_code, account_role
            order by economic_date
        ) as functional_minor
    from measured
    union all
    select
        entity_id,
        arrangement_id as contract_id,
        arrangement_id,
        economic_date,
        currency_code,
        functional_currency_code,
        'contract_liability' as debit_role,
        sum(gained_minor) as functional_minor
    from {{ ref('int_fx__positions') }}
    group by entity_id, arrangement_id, economic_date, currency_code, functional_currency_code

),

final as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        obligation_id,
        movement,
        economic_date,
        economic_period,
        currency_code,
        debit_role,
        credit_role,
        amount_minor,
        functional_currency_code,
        functional_minor::bigint as functional_amount_minor
    from movements
    union all
    select
        entity_id,
        contract_id,
        arrangement_id,
        '' as obligation_id,
        'fx' as movement,
        economic_date,
        {{ period_of('entity_id', 'economic_date') }} as economic_period,
        currency_code,
        debit_role,
        'fx_gain_loss' as credit_role,
        0::bigint as amount_minor,
        functional_currency_code,
        functional_minor::bigint as functional_amount_minor
    from remeasured
    where functional_minor <> 0

)

select * from final
