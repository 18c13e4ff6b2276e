-- What a customer gets back, as running totals: how much should stand there at the end of the day; the change
-- moves.

with

documents as (

    select * from {{ ref('int_documents__classified') }}

),

documented as (

    select * from {{ ref('int_movements__documented') }}

),

performed as (

    select * from {{ ref('int_movements__performed') }}

),

-- 1. A credit note pays what was expected to go back (ASC 606-10-32-10) before it lowers a price.
refund_changes as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        case when credit_role = 'refund_liability' then amount_minor else -amount_minor end as expected_minor,
        0::bigint as credited_minor,
        null::text as receivable_trigger
    from performed
    where 'refund_liability' in (debit_role, credit_role)
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        -amount_minor as expected_minor,
        0::bigint as credited_minor,
        null::text as receivable_trigger
    from {{ ref('int_movements__opened') }}
    where debit_role = 'refund_liability'
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        0::bigint as expected_minor,
        amount_minor as credited_minor,
        receivable_trigger
    from documents
    where
        document_type in ('credit', 'credit_void')
        and treatment in ('contract_liability', 'price')
        and economic_date is not null
        and has_contract

),

refund_days as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        sum(sum(expected_minor)) over to_date as expected_minor,
        sum(sum(credited_minor)) over to_date as credited_minor,
        max(max(receivable_trigger)) over whole as receivable_trigger
    from refund_changes
    group by entity_id, arrangement_id, currency_code, economic_date
    window
        to_date as (partition by entity_id, arrangement_id, currency_code order by economic_date),
        whole as (partition by entity_id, arrangement_id, currency_code)

),

credited as (

    select
        entity_id,
        arrangement_id as contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        'credit' as movement,
        'refund_liability' as debit_role,
        -- Where the claim follows performance it does not fall by itself: the price already was without it.
        case receivable_trigger when 'performance' then 'receivable' else 'contract_liability' end as credit_role,
        greatest(least(credited_minor, expected_minor), 0) as standing_minor
    from refund_days

),

-- 2. While nobody can say what comes back, all that was paid may have to (ASC 606-10-55-26).
gates as (

    select
        entity_id,
        contract_id,
        opened_date
    from {{ ref('int_contracts__gates') }}
    where gate = 'return'

),

held_changes as (

    select
        documented.entity_id,
        documented.contract_id,
        documented.arrangement_id,
        documented.currency_code,
        documented.economic_date,
        gates.opened_date,
        case
            when documented.counts_as <> 'money' then 0::bigint
            when documented.debit_role = 'cash' then documented.amount_minor
            when documented.credit_role = 'cash' then -documented.amount_minor
            else 0::bigint
        end as paid_minor,
        case
            when documented.credit_role = 'contract_liability' then documented.amount_minor
            when documented.debit_role = 'contract_liability' then -documented.amount_minor
            else 0::bigint
        end as claimed_minor,
        case
            when documented.credit_role = 'tax_payable' then documented.amount_minor
            when documented.debit_role = 'tax_payable' then -documented.amount_minor
            else 0::bigint
        end as taxed_minor,
        documented.movement in ('billing', 'void') as is_claimed_by_invoice
    from documented
    inner join gates
        on documented.entity_id = gates.entity_id and documented.contract_id = gates.contract_id
    where gates.opened_date is null or documented.economic_date < gates.opened_date

),

held_days as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        sum(sum(paid_minor)) over to_date as paid_minor,
        sum(sum(claimed_minor)) over to_date as claimed_minor,
        sum(sum(taxed_minor)) over to_date as taxed_minor,
        max(max(is_claimed_by_invoice::integer)) over to_date = 1 as is_claimed_by_invoice
    from held_changes
    group by entity_id, contract_id, arrangement_id, currency_code, economic_date
    window to_date as (partition by entity_id, contract_id, arrangement_id, currency_code order by economic_date)

),

held as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        'held' as movement,
        'contract_liability' as debit_role,
        'refund_liability' as credit_role,
        greatest(
            case when is_claimed_by_invoice then least(paid_minor, claimed_minor) else paid_minor - taxed_minor end, 0
        ) as standing_minor
    from held_days
    union all
    select distinct
        entity_id,
        contract_id,
        arrangement_id,
        currency_code,
        opened_date as economic_date,
        'held' as movement,
        'contract_liability' as debit_role,
        'refund_liability' as credit_role,
        0::numeric as standing_minor
    from held_changes
    where opened_date is not null

),

-- 3. What a customer is promised for buying is owed as it buys, until it is paid (ASC 606-10-32-25).
promised_days as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        sum(sum(case when credit_role = 'customer_incentive_asset' then amount_minor else -amount_minor end)) over (
            partition by entity_id, contract_id, arrangement_id, currency_code order by economic_date
        ) as owed_minor
    from performed
    where 'customer_incentive_asset' in (debit_role, credit_role)
    group by entity_id, contract_id, arrangement_id, currency_code, economic_date

),

promised as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        'incentive' as movement,
        'customer_incentive_asset' as debit_role,
        'refund_liability' as credit_role,
        greatest(owed_minor, 0) as standing_minor
    from promised_days

),

standings as (

    select * from credited
    union all
    select * from held
    union all
    select * from promised

),

changes as (

    select
        *,
        (standing_minor - lag(standing_minor, 1, 0::numeric) over (
            partition by entity_id, contract_id, arrangement_id, currency_code, movement, debit_role, credit_role
            order by economic_date
        ))::bigint as amount_minor
    from standings

),

final as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        movement,
        debit_role,
        credit_role,
        amount_minor
    from changes
    where amount_minor <> 0

)

select * from final
