-- One position per arrangement and currency at each month end: a contract liability or a contract asset,
-- never both (ASC 606-10-45-1). Receivables stand apart (ASC 606-10-45-4).

with

movements as (

    select * from {{ ref('int_movements__before_netting') }}

),

changes as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_period,
        sum(case when credit_role = 'contract_liability' then amount_minor else 0 end)
        - sum(
            case
                when debit_role = 'contract_liability' and credit_role not like '%\_revenue' then amount_minor
                else 0
            end
        ) as billed_minor,
        sum(
            case when debit_role = 'contract_liability' and credit_role like '%\_revenue' then amount_minor else 0 end
        ) as recognized_minor,
        sum(case when debit_role = 'receivable' then amount_minor else 0 end)
        - sum(case when credit_role = 'receivable' then amount_minor else 0 end) as receivable_minor
    from movements
    group by entity_id, arrangement_id, currency_code, economic_period

),

arrangements as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        min(economic_period) as first_period
    from changes
    group by entity_id, arrangement_id, currency_code

),

spine as (

    select
        arrangements.entity_id,
        arrangements.arrangement_id,
        arrangements.currency_code,
        periods.period_start_date,
        periods.period_end_date
    from arrangements
    inner join {{ ref('int_periods__calendar') }} as periods
        on
            arrangements.entity_id = periods.entity_id
            and arrangements.first_period <= periods.period_start_date
            and periods.is_reported

),

running as (

    select
        spine.entity_id,
        spine.arrangement_id,
        spine.currency_code,
        spine.period_start_date,
        spine.period_end_date,
        (sum(coalesce(changes.billed_minor, 0)) over to_date)::bigint as billed_minor,
        (sum(coalesce(changes.recognized_minor, 0)) over to_date)::bigint as recognized_minor,
        (sum(coalesce(changes.receivable_minor, 0)) over to_date)::bigint as receivable_minor
    from spine
    left join changes
        on
            spine.entity_id = changes.entity_id
            and spine.arrangement_id = changes.arrangement_id
            and spine.currency_code = changes.currency_code
            and spine.period_start_date = changes.economic_period
    window to_date as (
        partition by spine.entity_id, spine.arrangement_id, spine.currency_code
        order by spine.period_start_date
    )

),

final as (

    select
        *,
        greatest(recognized_minor - billed_minor, 0)::bigint as contract_asset_minor,
        greatest(billed_minor - recognized_minor, 0)::bigint as contract_liability_minor
    from running

)

select * from final
