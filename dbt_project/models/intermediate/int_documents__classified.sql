-- Billing documents, credits and cash, each with the contract it belongs to and the day on which it counts.
--
-- A document that names no contract we know keeps its money in view under 'unassigned:<document>' and
-- stands in the exceptions; nothing of it becomes revenue. document_date is the day the document bears,
-- economic_date the day it moves the books: an invoice that only counts when it falls due waits for that
-- day, one of a contract that is none yet (ASC 606-10-25-1) waits until it is; null while it still waits.

with

contracts as (

    select distinct entity_id, contract_id
    from {{ ref('int_contracts__segments') }}

),

invoices as (

    select * from {{ ref('stg_canonical__invoice_events') }}

),

invoice_totals as (

    select
        invoices.entity_id,
        invoices.event_id,
        invoices.event_type,
        invoices.invoice_id,
        invoices.contract_id,
        invoices.customer_id,
        invoices.currency_code,
        invoices.issued_date,
        invoices.due_date,
        invoices.occurred_at,
        -- A void falls on its own day, not on the day of the invoice.
        (invoices.occurred_at at time zone entities.accounting_time_zone)::date as occurred_date,
        lines.amount_minor,
        lines.tax_minor
    from invoices
    inner join {{ ref('ref_legal_entities') }} as entities on invoices.entity_id = entities.entity_id
    left join
        (
            select
                event_id,
                sum(amount_minor)::bigint as amount_minor,
                sum(tax_minor)::bigint as tax_minor
            from {{ ref('stg_canonical__invoice_lines') }}
            group by event_id
        ) as lines
        on invoices.event_id = lines.event_id

),

-- An invoice is posted once; if the source ever restates one, its newest statement holds.
posted as (

    select distinct on (entity_id, invoice_id)
        entity_id,
        event_id,
        invoice_id,
        contract_id,
        customer_id,
        currency_code,
        issued_date,
        due_date,
        amount_minor,
        tax_minor
    from invoice_totals
    where event_type = 'invoice.posted' and amount_minor is not null
    order by entity_id asc, invoice_id asc, occurred_at desc, event_id asc

),

credit_events as (

    select
        credits.*,
        coalesce(credits.contract_id, posted.contract_id) as found_contract_id
    from {{ ref('stg_canonical__credit_events') }} as credits
    left join posted on credits.entity_id = posted.entity_id and credits.invoice_id = posted.invoice_id

),

credit_notes as (

    select distinct on (entity_id, credit_id)
        entity_id,
        credit_id,
        invoice_id,
        found_contract_id,
        customer_id,
        currency_code
    from credit_events
    where event_type = 'credit.issued'
    order by entity_id, credit_id, event_id

),

payment_events as (

    select
        *,
        case when event_type in ('dispute.won', 'dispute.lost') then coalesce(related_id, payment_id) else payment_id end
            as own_id
    from {{ ref('stg_canonical__payment_events') }}

),

-- What a later document can name: a payment, a dispute, a write-off.
named as (

    select distinct on (entity_id, event_type, payment_id)
        entity_id,
        event_type,
        payment_id,
        invoice_id,
        contract_id,
        customer_id,
        currency_code,
        amount_minor,
        related_id
    from payment_events
    where event_type in ('payment.settled', 'dispute.opened', 'receivable.written_off')
    order by entity_id, event_type, payment_id, event_id

),

-- A refund that names its customer alone belongs to the first contract of that customer.
first_of_customers as (

    select distinct on (entity_id, customer_id, currency_code)
        entity_id,
        customer_id,
        currency_code,
        contract_id
    from {{ ref('int_contracts__arrangements') }}
    where customer_id is not null
    order by entity_id asc, customer_id asc, currency_code asc, signed_date asc, contract_id asc

),

-- Who names nothing but another document belongs where that one belongs.
followed as (

    select
        events.entity_id,
        events.event_id,
        events.event_type,
        events.own_id as document_id,
        events.paid_date,
        events.related_id,
        coalesce(events.invoice_id, disputes.invoice_id, settled.invoice_id, written_off.invoice_id, notes.invoice_id)
            as invoice_id,
        coalesce(
            events.contract_id, disputes.contract_id, settled.contract_id, written_off.contract_id,
            notes.found_contract_id, firsts.contract_id
        ) as contract_id,
        coalesce(
            events.customer_id, disputes.customer_id, settled.customer_id, written_off.customer_id, notes.customer_id
        ) as customer_id,
        coalesce(
            events.currency_code, disputes.currency_code, settled.currency_code, written_off.currency_code,
            notes.currency_code
        ) as currency_code,
        coalesce(events.amount_minor, disputes.amount_minor) as amount_minor
    from payment_events as events
    left join named as disputes
        on
            events.event_type in ('dispute.won', 'dispute.lost')
            and disputes.event_type = 'dispute.opened'
            and events.entity_id = disputes.entity_id
            and events.own_id = disputes.payment_id
    left join named as settled
        on
            events.event_type in ('dispute.opened', 'dispute.won', 'dispute.lost')
            and settled.event_type = 'payment.settled'
            and events.entity_id = settled.entity_id
            and coalesce(disputes.related_id, events.related_id) = settled.payment_id
    left join named as written_off
        on
            events.event_type = 'receivable.recovered'
            and written_off.event_type = 'receivable.written_off'
            and events.entity_id = written_off.entity_id
            and events.related_id = written_off.payment_id
    left join credit_notes as notes
        on
            events.event_type = 'payment.refunded'
            and events.entity_id = notes.entity_id
            and events.related_id = notes.credit_id
    left join first_of_customers as firsts
        on
            events.event_type = 'payment.refunded'
            and events.invoice_id is null
            and events.related_id is null
            and events.entity_id = firsts.entity_id
            and events.customer_id = firsts.customer_id
            and events.currency_code = firsts.currency_code

),

documents as (

    select
        entity_id,
        event_id,
        'invoice' as document_type,
        invoice_id as document_id,
        invoice_id,
        null::text as related_id,
        contract_id,
        customer_id,
        currency_code,
        issued_date as document_date,
        coalesce(due_date, issued_date) as due_date,
        null::text as cause,
        amount_minor,
        tax_minor
    from posted
    union all
    -- A void of an invoice that was never posted takes nothing back.
    select
        voids.entity_id,
        voids.event_id,
        'void' as document_type,
        voids.invoice_id as document_id,
        voids.invoice_id,
        null::text as related_id,
        posted.contract_id,
        posted.customer_id,
        posted.currency_code,
        voids.occurred_date as document_date,
        coalesce(posted.due_date, posted.issued_date) as due_date,
        null::text as cause,
        -coalesce(voids.amount_minor, posted.amount_minor) as amount_minor,
        -coalesce(voids.tax_minor, posted.tax_minor) as tax_minor
    from invoice_totals as voids
    inner join posted on voids.entity_id = posted.entity_id and voids.invoice_id = posted.invoice_id
    where voids.event_type = 'invoice.voided'
    union all
    select
        credits.entity_id,
        credits.event_id,
        case when credits.event_type = 'credit.voided' then 'credit_void' else 'credit' end as document_type,
        credits.credit_id as document_id,
        credits.invoice_id,
        null::text as related_id,
        credits.found_contract_id as contract_id,
        credits.customer_id,
        credits.currency_code,
        credits.issued_date as document_date,
        coalesce(posted.due_date, posted.issued_date) as due_date,
        credits.cause,
        case when credits.event_type = 'credit.voided' then -credits.amount_minor else credits.amount_minor end
            as amount_minor,
        case when credits.event_type = 'credit.voided' then -credits.tax_minor else credits.tax_minor end as tax_minor
    from credit_events as credits
    left join posted on credits.entity_id = posted.entity_id and credits.invoice_id = posted.invoice_id
    union all
    select
        followed.entity_id,
        followed.event_id,
        case followed.event_type
            when 'payment.settled' then 'payment'
            when 'payment.refunded' then 'refund'
            when 'credit.applied' then 'credit_applied'
            when 'dispute.opened' then 'dispute_opened'
            when 'dispute.won' then 'dispute_won'
            when 'dispute.lost' then 'dispute_lost'
            when 'receivable.written_off' then 'write_off'
            when 'receivable.recovered' then 'recovery'
        end as document_type,
        followed.document_id,
        posted.invoice_id,
        followed.related_id,
        coalesce(followed.contract_id, posted.contract_id) as contract_id,
        coalesce(followed.customer_id, posted.customer_id) as customer_id,
        coalesce(followed.currency_code, posted.currency_code) as currency_code,
        followed.paid_date as document_date,
        null::date as due_date,
        null::text as cause,
        -- What a lost dispute takes out of the claim, its tax apart.
        case
            when followed.event_type = 'dispute.lost' and posted.amount_minor + posted.tax_minor <> 0
                then round(
                    followed.amount_minor * posted.amount_minor::numeric / (posted.amount_minor + posted.tax_minor)
                )::bigint
            else followed.amount_minor
        end as amount_minor,
        case
            when followed.event_type = 'dispute.lost' and posted.amount_minor + posted.tax_minor <> 0
                then followed.amount_minor - round(
                    followed.amount_minor * posted.amount_minor::numeric / (posted.amount_minor + posted.tax_minor)
                )::bigint
            else 0
        end as tax_minor
    from followed
    left join posted on followed.entity_id = posted.entity_id and followed.invoice_id = posted.invoice_id

),

placed as (

    select
        documents.*,
        contracts.contract_id as known_contract_id,
        arrangements.signed_date as contract_signed_date,
        coalesce(arrangements.arrangement_id, contracts.contract_id) as known_arrangement_id,
        coalesce(documents.currency_code, arrangements.currency_code, entities.functional_currency_code)
            as found_currency_code,
        coalesce(policies.receivable_trigger, 'invoice_issued') as receivable_trigger,
        causes.treatment as cause_treatment,
        policies.credit_without_cause,
        policies.dispute_lost,
        case
            when policies.receivable_trigger = 'due_date' and documents.due_date is not null
                then greatest(documents.document_date, documents.due_date)
            else documents.document_date
        end as counted_date
    from documents
    inner join {{ ref('ref_legal_entities') }} as entities on documents.entity_id = entities.entity_id
    left join contracts
        on documents.entity_id = contracts.entity_id and documents.contract_id = contracts.contract_id
    left join {{ ref('int_contracts__arrangements') }} as arrangements
        on documents.entity_id = arrangements.entity_id and documents.contract_id = arrangements.contract_id
    left join {{ ref('int_policies__in_force') }} as policies
        on
            documents.entity_id = policies.entity_id
            and documents.document_date >= policies.effective_from
            and documents.document_date < coalesce(policies.effective_until, 'infinity'::date)
    left join {{ ref('int_policies__credit_causes') }} as causes
        on
            documents.entity_id = causes.entity_id
            and documents.cause = causes.cause
            and {{ in_force('causes', 'documents.document_date') }}

),

closed as (

    select
        placed.entity_id,
        placed.document_type,
        placed.event_id,
        gates.gate,
        gates.opened_date
    from placed
    inner join {{ ref('int_contracts__gates') }} as gates
        on
            placed.entity_id = gates.entity_id
            and placed.known_contract_id = gates.contract_id
            and placed.counted_date >= gates.closed_from_date
            and placed.counted_date < coalesce(gates.opened_date, 'infinity'::date)
    where gates.gate in ('collectability', 'repurchase')
    union all
    -- Cash taken before there is a contract is a deposit until it is signed (ASC 606-10-25-8).
    select
        entity_id,
        document_type,
        event_id,
        'signature' as gate,
        contract_signed_date as opened_date
    from placed
    where document_type in ('payment', 'refund') and counted_date < contract_signed_date

),

-- Of several gates the one that opens last decides.
gated as (

    select distinct on (entity_id, document_type, event_id) *
    from closed
    order by entity_id asc, document_type asc, event_id asc, opened_date desc nulls first, gate asc

),

final as (

    select
        placed.entity_id,
        placed.event_id,
        placed.document_type,
        placed.document_id,
        coalesce(placed.known_contract_id, 'unassigned:' || placed.document_id) as contract_id,
        coalesce(placed.known_arrangement_id, 'unassigned:' || placed.document_id) as arrangement_id,
        placed.contract_id as stated_contract_id,
        placed.known_contract_id is not null as has_contract,
        placed.invoice_id,
        placed.related_id,
        placed.customer_id,
        placed.found_currency_code as currency_code,
        placed.document_date,
        placed.receivable_trigger,
        gated.gate,
        gated.opened_date,
        case
            when gated.gate is null then placed.counted_date
            when placed.document_type in ('invoice', 'void', 'credit', 'credit_void') then gated.opened_date
            else placed.document_date
        end as economic_date,
        -- Tax is owed with the document, whenever its claim counts.
        case
            when gated.gate is not null and placed.document_type in ('invoice', 'void', 'credit', 'credit_void')
                then gated.opened_date
            else placed.document_date
        end as tax_date,
        placed.cause,
        -- What nobody explained stands in suspense, unless the policy takes it for a change of the price.
        case
            -- Giving in to a customer who can pay is a concession (ASC 606-10-32-7), else a loss (ASC 326-20).
            when placed.document_type = 'dispute_lost' and placed.dispute_lost = 'credit_loss' then 'bad_debt_expense'
            when placed.document_type not in ('credit', 'credit_void') then placed.cause_treatment
            when placed.cause is null and placed.credit_without_cause = 'price' then 'price'
            else coalesce(placed.cause_treatment, 'suspense_credit')
        end as treatment,
        placed.amount_minor,
        placed.tax_minor
    from placed
    left join gated
        on
            placed.entity_id = gated.entity_id
            and placed.document_type = gated.document_type
            and placed.event_id = gated.event_id
    -- The close of a dispute nobody opened moves nothing.
    where placed.amount_minor is not null

)

select * from final
