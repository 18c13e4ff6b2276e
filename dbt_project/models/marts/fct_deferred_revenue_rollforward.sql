{{ config(materialized='view') }}

with

movements as (

    select * from {{ ref('fct_accounting_movement') }}

),

effects as (

    select
        entity_id,
        currency_code,
        credit_account_code as account_code,
        economic_period,
        movement,
        debit_role as counter_role,
        amount_minor
    from movements
    where credit_role = 'contract_liability'
    union all
    select
        entity_id,
        currency_code,
        debit_account_code as account_code,
        economic_period,
        movement,
        credit_role as counter_role,
        -amount_minor as amount_minor
    from movements
    where debit_role = 'contract_liability'

),

kinds as (

    select
        *,
        case
            -- An advance is money for a claim that is still to come.
            when movement in ('billing', 'void', 'claim', 'advance') then 'billings'
            when movement in ('credit', 'dispute_lost') then 'credits'
            when counter_role like '%\_revenue' then 'recognized'
            when movement = 'asset_reclass' then 'reclass'
            else 'other'
        end as kind
    from effects

),

monthly as (

    select
        entity_id,
        currency_code,
        account_code,
        economic_period,
        sum(amount_minor) filter (where kind = 'billings') as billings_minor,
        sum(amount_minor) filter (where kind = 'credits') as credits_minor,
        sum(amount_minor) filter (where kind = 'recognized') as recognized_minor,
        sum(amount_minor) filter (where kind = 'reclass') as reclass_minor,
        sum(amount_minor) filter (where kind = 'other') as other_minor,
        sum(amount_minor) as change_minor
    from kinds
    group by entity_id, currency_code, account_code, economic_period

),

accounts as (

    select
        entity_id,
        currency_code,
        account_code,
        min(economic_period) as first_period
    from monthly
    group by entity_id, currency_code, account_code

),

running as (

    select
        accounts.entity_id,
        accounts.currency_code,
        accounts.account_code,
        periods.period_start_date,
        coalesce(monthly.billings_minor, 0)::bigint as billings_minor,
        coalesce(monthly.credits_minor, 0)::bigint as credits_minor,
        coalesce(monthly.recognized_minor, 0)::bigint as recognized_minor,
        coalesce(monthly.reclass_minor, 0)::bigint as reclass_minor,
        coalesce(monthly.other_minor, 0)::bigint as other_minor,
        coalesce(monthly.change_minor, 0)::bigint as change_minor,
        (sum(coalesce(monthly.change_minor, 0)) over (
            partition by accounts.entity_id, accounts.currency_code, accounts.account_code
            order by periods.period_start_date
        ))::bigint as closing_minor
    from accounts
    inner join {{ ref('dim_period') }} as periods
        on
            accounts.entity_id = periods.entity_id
            and accounts.first_period <= periods.period_start_date
            and periods.is_reported
    left join monthly
        on
            accounts.entity_id = monthly.entity_id
            and accounts.currency_code = monthly.currency_code
            and accounts.account_code = monthly.account_code
            and periods.period_start_date = monthly.economic_period

),

final as (

    select
        entity_id,
        currency_code,
        account_code,
        period_start_date,
        closing_minor - change_minor as opening_minor,
        billings_minor,
        credits_minor,
        recognized_minor,
        reclass_minor,
        other_minor,
        closing_minor
    from running

)

select * from final
