-- Money against claims, day by day: what was paid ahead of any claim is the contract's, what is left beyond
-- all claims is the customer's, and a refund gives back what is owed before anything else.
--
-- Each rule is a running total: how much should stand there at the end of the day; the change moves.

with

documented as (

    select * from {{ ref('int_movements__documented') }}

),

performed as (

    select * from {{ ref('int_movements__performed') }}

),

opened as (

    select * from {{ ref('int_movements__opened') }}

),

refundable as (

    select * from {{ ref('int_movements__refundable') }}

),

policies as (

    select * from {{ ref('int_policies__in_force') }}

),

customers as (

    select distinct on (entity_id, arrangement_id)
        entity_id,
        arrangement_id,
        customer_id
    from {{ ref('int_contracts__arrangements') }}
    where customer_id is not null
    order by entity_id asc, arrangement_id asc, signed_date asc, contract_id asc

),

-- 1. Refunds. One that names no credit note gives back what is owed to the customer, on any contract.
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
        -amount_minor as owed_minor,
        0::bigint as refunded_minor
    from opened
    where debit_role = 'customer_credit'
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

owed_of_customers as (

    select
        changes.entity_id,
        changes.arrangement_id,
        coalesce('customer:' || customers.customer_id, changes.arrangement_id) as owed_to,
        changes.currency_code,
        changes.economic_date,
        changes.owed_minor,
        changes.refunded_minor
    from owed_changes as changes
    left join customers
        on changes.entity_id = customers.entity_id and changes.arrangement_id = customers.arrangement_id

),

owed_days as (

    select
        entity_id,
        owed_to,
        currency_code,
        economic_date,
        sum(sum(owed_minor)) over to_date as owed_minor
    from owed_of_customers
    group by entity_id, owed_to, currency_code, economic_date
    window to_date as (partition by entity_id, owed_to, currency_code order by economic_date)

),

refund_days as (

    select
        days.entity_id,
        days.owed_to,
        days.currency_code,
        days.economic_date,
        days.owed_minor,
        refunds.arrangement_id,
        sum(refunds.refunded_minor) filter (where refunds.economic_date <= days.economic_date) as refunded_minor
    from owed_days as days
    inner join owed_of_customers as refunds
        on
            days.entity_id = refunds.entity_id
            and days.owed_to = refunds.owed_to
            and days.currency_code = refunds.currency_code
            and refunds.refunded_minor <> 0
    group by
        days.entity_id, days.owed_to, days.currency_code, days.economic_date, days.owed_minor, refunds.arrangement_id

),

-- Of several contracts of one customer each takes what the former ones left.
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
        greatest(least(
            coalesce(refunded_minor, 0),
            owed_minor - coalesce(sum(refunded_minor) over (
                partition by entity_id, owed_to, currency_code, economic_date
                order by arrangement_id
                rows between unbounded preceding and 1 preceding
            ), 0)
        ), 0) as standing_minor
    from refund_days

),

-- 2. Money that names an invoice which is not there yet, or not due, is an advance on the contract until then.
invoice_days as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        invoice_id,
        currency_code,
        economic_date,
        sum(sum(
            case
                when counts_as <> 'money' then 0::bigint
                when credit_role = 'receivable' then amount_minor
                when debit_role = 'receivable' then -amount_minor
                else 0::bigint
            end
        )) over to_date as paid_minor,
        -- Tax is claimed with the document, before the rest of it is due.
        sum(sum(
            case when movement in ('tax', 'void_tax') and debit_role = 'receivable' then amount_minor else 0::bigint end
        )) over to_date as taxed_minor,
        max(max((movement = 'billing')::integer)) over to_date = 1 as is_billed
    from documented
    where invoice_id is not null and not is_pooled
    group by entity_id, contract_id, arrangement_id, invoice_id, currency_code, economic_date
    window to_date as (
        partition by entity_id, contract_id, arrangement_id, invoice_id, currency_code order by economic_date
    )

),

ahead_of_invoice as (

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
        case when is_billed then 0 else greatest(paid_minor - taxed_minor, 0) end as standing_minor
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
        end as paid_minor
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
    from performed
    where 'receivable' in (debit_role, credit_role)
    union all
    -- What was open before the first event is settled like any other claim.
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        amount_minor as claimed_minor
    from opened
    where debit_role = 'receivable'
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        -amount_minor as claimed_minor
    from refundable
    where credit_role = 'receivable'
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
    from ahead_of_invoice

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
        0::bigint as paid_minor
    from claims

),

pool_days as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.currency_code,
        changes.economic_date,
        pools.receivable_trigger,
        sum(sum(changes.claimed_minor)) over to_date as claimed_minor,
        sum(sum(changes.paid_minor)) over to_date as paid_minor
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
        -- Beside invoices that claim for themselves the pool only settles what they left open. Where only cash
        -- counts, what is owed back without having been paid is no receivable either.
        greatest(
            paid_minor
            - case
                when receivable_trigger in ('invoice_issued', 'due_date') then greatest(claimed_minor, 0)
                else claimed_minor
            end,
            case when receivable_trigger = 'payment' then least(paid_minor, 0) else 0 end
        ) as standing_minor
    from pool_days

),

-- 4. A receivable below zero is money owed to the customer. Credit notes of sources that do not say where
-- the credit goes stay on the receivable; the refund or the payment that follows tells.
left_changes as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        case when debit_role = 'receivable' then amount_minor else -amount_minor end as change_minor
    from documented
    where 'receivable' in (debit_role, credit_role) and is_stated and arrangement_id not like 'unassigned:%'
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        case when debit_role = 'receivable' then amount_minor else -amount_minor end as change_minor
    from performed
    where 'receivable' in (debit_role, credit_role)
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        amount_minor as change_minor
    from opened
    where debit_role = 'receivable'
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        -amount_minor as change_minor
    from refundable
    where credit_role = 'receivable'
    union all
    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        case debit_role when 'receivable' then 1 else -1 end * (standing_minor - lag(standing_minor, 1, 0::numeric) over (
            partition by entity_id, contract_id, arrangement_id, invoice_id, currency_code, movement
            order by economic_date
        )) as change_minor
    from (
        select
            entity_id,
            contract_id,
            arrangement_id,
            '' as invoice_id,
            currency_code,
            economic_date,
            movement,
            debit_role,
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
            standing_minor
        from ahead_of_invoice
        union all
        select
            entity_id,
            contract_id,
            arrangement_id,
            'of the arrangement' as invoice_id,
            currency_code,
            economic_date,
            movement,
            debit_role,
            standing_minor
        from advanced
    ) as moved

),

overpaid as (

    select
        entity_id,
        arrangement_id as contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        'overpayment' as movement,
        'receivable' as debit_role,
        'customer_credit' as credit_role,
        greatest(
            -sum(sum(change_minor)) over (
                partition by entity_id, arrangement_id, currency_code order by economic_date
            ),
            0
        ) as standing_minor
    from left_changes
    group by entity_id, arrangement_id, currency_code, economic_date

),

standings as (

    select
        *,
        '' as invoice_id
    from refunded
    union all
    select
        entity_id,
        contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        movement,
        debit_role,
        credit_role,
        standing_minor,
        invoice_id
    from ahead_of_invoice
    union all
    select
        *,
        '' as invoice_id
    from advanced
    union all
    select
        *,
        '' as invoice_id
    from overpaid

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
