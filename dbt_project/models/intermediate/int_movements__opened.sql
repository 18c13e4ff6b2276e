-- What the books held before the first event. Where they are the books of one arrangement, what was owed either way
-- belongs to it, and credit of a customer to the only one there is. The rest belongs to no contract.

with

balances as (

    select * from {{ ref('stg_canonical__balance_events') }}
    where account_role <> 'opening_equity'

),

only_arrangements as (

    select
        entity_id,
        min(arrangement_id) as arrangement_id,
        min(currency_code) as currency_code
    from {{ ref('int_contracts__arrangements') }}
    group by entity_id
    having count(distinct arrangement_id) = 1 and count(distinct currency_code) = 1

),

only_customers as (

    select
        entity_id,
        min(arrangement_id) as arrangement_id,
        min(currency_code) as currency_code
    from {{ ref('int_contracts__arrangements') }}
    group by entity_id
    having count(distinct customer_id) = 1 and count(customer_id) = count(*) and count(distinct currency_code) = 1

),

placed as (

    select
        balances.*,
        case
            when balances.account_role = 'customer_credit'
                then coalesce(only_arrangements.arrangement_id, only_customers.arrangement_id)
            when
                balances.account_role in (
                    'receivable', 'contract_asset', 'contract_liability', 'refund_liability', 'deposit_liability'
                )
                then only_arrangements.arrangement_id
        end as known_arrangement_id
    from balances
    left join only_arrangements
        on
            balances.entity_id = only_arrangements.entity_id
            and balances.currency_code = only_arrangements.currency_code
    left join only_customers
        on
            balances.entity_id = only_customers.entity_id
            and balances.currency_code = only_customers.currency_code

),

final as (

    select
        entity_id,
        coalesce(known_arrangement_id, 'opening') as contract_id,
        coalesce(known_arrangement_id, 'opening') as arrangement_id,
        'opening' as movement,
        balance_date as economic_date,
        currency_code,
        case account_role when 'contract_asset' then 'contract_liability' else account_role end as debit_role,
        'opening_equity' as credit_role,
        sum(amount_minor)::bigint as amount_minor
    from placed
    group by
        entity_id, coalesce(known_arrangement_id, 'opening'), balance_date, currency_code,
        case account_role when 'contract_asset' then 'contract_liability' else account_role end
    having sum(amount_minor) <> 0

)

select * from final
