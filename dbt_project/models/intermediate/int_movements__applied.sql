-- Money against claims, day by day: what was paid ahead of any claim is the contract's, what was paid
-- beyond an invoice is the customer's, and a refund gives back what is owed before anything else.
--
-- Each rule is a running total: how much should stand there at the end of the day; the change moves.

with

documented as (

    select * from {{ ref('int_movements__documented') }}

),

documents as (

    select * from {{ ref('int_documents__classified') }}

),

policies as (

    select * from {{ ref('int_policies__in_force') }}

),

-- 1. Refunds. One that names no credit note gives back what the arrangement owes the customer, if anything.
owed_changes as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        case when credit_role = 'customer_credit' then amount_minor else -amount_minor end as owed_minor,
        0::bigint as refunded_minor
    from documented
    where 'customer_credit' in (debit_role, credit_role)
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        0::bigint as owed_minor,
        amount_minor as refunded_minor
    from documented
    where movement = 'refund' and debit_role = 'receivable'

),

owed_days as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        sum(sum(owed_minor)) over to_date as owed_minor,
        sum(sum(refunded_minor)) over to_date as refunded_minor
    from owed_changes
    group by entity_id, arrangement_id, currency_code, economic_date
    window to_date as (partition by entity_id, arrangement_id, currency_code order by economic_date)

),

refunded as (

    select
        entity_id,
        arrangement_id as contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        'refund_of_credit' as movement,
        'customer_credit' as debit_role,
        'receivable' as credit_role,
        greatest(least(refunded_minor, owed_minor), 0) as standing_minor
    from owed_days

),

-- 2. Overpayment. Beyond what the invoice claims the money is the customer's; before the invoice is there
-- it is an advance on the contract.
invoice_changes as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        invoice_id,
        currency_code,
        economic_date,
        case
            when counts_as <> 'claim' or movement not in ('billing', 'tax', 'void', 'void_tax') then 0::bigint
            else amount_minor
        end as claimed_minor,
        case
            when counts_as <> 'money' then 0::bigint
            when credit_role = 'receivable' then amount_minor
            when debit_role = 'receivable' then -amount_minor
            else 0::bigint
        end as paid_minor,
        (movement = 'billing')::integer as is_billing
    from documented
    where invoice_id is not null and not is_pooled

),

invoice_days as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        invoice_id,
        currency_code,
        economic_date,
        sum(sum(claimed_minor)) over to_date as claimed_minor,
        sum(sum(paid_minor)) over to_date as paid_minor,
        max(max(is_billing)) over to_date = 1 as is_billed
    from invoice_changes
    group by entity_id, contract_id, arrangement_id, invoice_id, currency_code, economic_date
    window to_date as (
        partition by entity_id, contract_id, arrangement_id, invoice_id, currency_code order by economic_date
    )

),

overpaid as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        invoice_id,
        currency_code,
        economic_date,
        'overpayment' as movement,
        'receivable' as debit_role,
        'customer_credit' as credit_role,
        case when is_billed then greatest(paid_minor - greatest(claimed_minor, 0), 0) else 0 end as standing_minor
    from invoice_days
    union all
    select
        entity_id,
        contract_id,
        arrangement_id,
        invoice_id,
        currency_code,
        economic_date,
        'advance' as movement,
        'receivable' as debit_role,
        'contract_liability' as credit_role,
        case when is_billed then 0 else greatest(paid_minor, 0) end as standing_minor
    from invoice_days

),

-- 3. Money of the arrangement. What exceeds its claims is paid ahead: part of the position.
pooled as (

    select
        documented.entity_id,
        documented.arrangement_id,
        documented.currency_code,
        documented.economic_date,
        0::bigint as claimed_minor,
        case
            when documented.credit_role = 'receivable' then documented.amount_minor
            when documented.debit_role = 'receivable' then -documented.amount_minor
            else 0::bigint
        end as paid_minor,
        0::bigint as taxed_minor
    from documented
    where documented.counts_as = 'money' and documented.is_pooled

),

pools as (

    select
        pooled.entity_id,
        pooled.arrangement_id,
        pooled.currency_code,
        coalesce(policies.receivable_trigger, 'invoice_issued') as receivable_trigger
    from (
        select
            entity_id,
            arrangement_id,
            currency_code,
            min(economic_date) as first_date
        from pooled
        where paid_minor <> 0
        group by entity_id, arrangement_id, currency_code
    ) as pooled
    left join policies
        on
            pooled.entity_id = policies.entity_id
            and pooled.first_date >= policies.effective_from
            and pooled.first_date < coalesce(policies.effective_until, 'infinity'::date)

),

claims as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        case when debit_role = 'receivable' then amount_minor else -amount_minor end as claimed_minor
    from documented
    where 'receivable' in (debit_role, credit_role) and not (counts_as = 'money' and is_pooled)
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        case when debit_role = 'receivable' then amount_minor else -amount_minor end as claimed_minor
    from {{ ref('int_movements__performed') }}
    where 'receivable' in (debit_role, credit_role)
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        -(standing_minor - lag(standing_minor, 1, 0::numeric) over (
            partition by entity_id, arrangement_id, currency_code order by economic_date
        )) as claimed_minor
    from refunded
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        standing_minor - lag(standing_minor, 1, 0::numeric) over (
            partition by entity_id, contract_id, arrangement_id, invoice_id, currency_code, movement
            order by economic_date
        ) as claimed_minor
    from overpaid

),

-- Where only cash counts, tax is owed as the cash comes in.
cash_taxes as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        case when document_type in ('invoice', 'void') then tax_minor else -tax_minor end as taxed_minor
    from documents
    where
        receivable_trigger = 'payment'
        and document_type in ('invoice', 'void', 'credit', 'credit_void', 'dispute_lost')
        and not (document_type = 'dispute_lost' and treatment is not distinct from 'bad_debt_expense')
        and tax_minor <> 0
        and economic_date is not null

),

pool_changes as (

    select * from pooled
    union all
    select
        claims.entity_id,
        claims.arrangement_id,
        claims.currency_code,
        claims.economic_date,
        claims.claimed_minor,
        0::bigint as paid_minor,
        0::bigint as taxed_minor
    from claims
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        0::bigint as claimed_minor,
        0::bigint as paid_minor,
        taxed_minor
    from cash_taxes

),

pool_days as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.currency_code,
        changes.economic_date,
        pools.receivable_trigger,
        sum(sum(changes.claimed_minor)) over to_date as claimed_minor,
        sum(sum(changes.paid_minor)) over to_date as paid_minor,
        sum(sum(changes.taxed_minor)) over to_date as taxed_minor
    from pool_changes as changes
    inner join pools
        on
            changes.entity_id = pools.entity_id
            and changes.arrangement_id = pools.arrangement_id
            and changes.currency_code = pools.currency_code
    group by
        changes.entity_id, changes.arrangement_id, changes.currency_code, changes.economic_date,
        pools.receivable_trigger
    window to_date as (
        partition by changes.entity_id, changes.arrangement_id, changes.currency_code order by changes.economic_date
    )

),

pool_taxed as (

    select
        *,
        greatest(least(paid_minor, taxed_minor), 0) as tax_minor
    from pool_days

),

advanced as (

    select
        entity_id,
        arrangement_id as contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        'advance' as movement,
        'receivable' as debit_role,
        'contract_liability' as credit_role,
        -- Beside invoices that claim for themselves the pool only settles what they left open.
        greatest(
            paid_minor - tax_minor
            - case receivable_trigger when 'invoice_issued' then greatest(claimed_minor, 0) else claimed_minor end,
            0
        ) as standing_minor
    from pool_taxed
    union all
    select
        entity_id,
        arrangement_id as contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        'tax' as movement,
        'receivable' as debit_role,
        'tax_payable' as credit_role,
        tax_minor as standing_minor
    from pool_taxed

),

standings as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        '' as invoice_id,
        currency_code,
        economic_date,
        movement,
        debit_role,
        credit_role,
        standing_minor
    from refunded
    union all
    select
        entity_id,
        contract_id,
        arrangement_id,
        invoice_id,
        currency_code,
        economic_date,
        movement,
        debit_role,
        credit_role,
        standing_minor
    from overpaid
    union all
    select
        entity_id,
        contract_id,
        arrangement_id,
        '' as invoice_id,
        currency_code,
        economic_date,
        movement,
        debit_role,
        credit_role,
        standing_minor
    from advanced

),

changes as (

    select
        *,
        (standing_minor - lag(standing_minor, 1, 0::numeric) over (
            partition by entity_id, contract_id, arrangement_id, invoice_id, currency_code, movement, credit_role
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
        sum(amount_minor)::bigint as amount_minor
    from changes
    group by
        entity_id, contract_id, arrangement_id, currency_code, economic_date, movement, debit_role, credit_role
    having sum(amount_minor) <> 0

)

select * from final
