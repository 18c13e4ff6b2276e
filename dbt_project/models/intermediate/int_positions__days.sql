-- Position of each arrangement at the end of every day on which it moves: a contract liability or a
-- contract asset, never both (ASC 606-10-45-1).

with

changes as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        sum(case credit_role when 'contract_liability' then amount_minor else -amount_minor end) as change_minor
    from {{ ref('int_movements__before_netting') }}
    where 'contract_liability' in (debit_role, credit_role)
    group by entity_id, arrangement_id, currency_code, economic_date

),

running as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        (sum(change_minor) over (
            partition by entity_id, arrangement_id, currency_code
            order by economic_date
        ))::bigint as position_minor
    from changes

),

final as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        position_minor,
        greatest(-position_minor, 0)::bigint as contract_asset_minor,
        greatest(position_minor, 0)::bigint as contract_liability_minor
    from running

)

select * from final
