-- Billing documents, credits and cash, each with the contract it belongs to and the month it falls in.
--
-- A document that names no contract we know keeps its money in view under 'unassigned:<document>' and
-- stands in the exceptions; nothing of it becomes revenue.

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
        invoices.occurred_at,
        -- A void falls on its own day, not on the day of the invoice.
        case
            when invoices.event_type = 'invoice.posted' then invoices.issued_date
            else (invoices.occurred_at at time zone entities.accounting_time_zone)::date
        end as document_date,
        sum(lines.amount_minor)::bigint as amount_minor,
        sum(lines.tax_minor)::bigint as tax_minor
    from invoices
    inner join {{ ref('stg_canonical__invoice_lines') }} as lines on invoices.event_id = lines.event_id
    inner join {{ ref('ref_legal_entities') }} as entities on invoices.entity_id = entities.entity_id
    group by
        invoices.entity_id, invoices.event_id, invoices.event_type, invoices.invoice_id, invoices.contract_id,
        invoices.customer_id, invoices.currency_code, invoices.issued_date, invoices.occurred_at,
        entities.accounting_time_zone

),

invoice_contracts as (

    select distinct on (entity_id, invoice_id)
        entity_id,
        invoice_id,
        contract_id
    from invoice_totals
    where event_type = 'invoice.posted'
    order by entity_id, invoice_id, event_id

),

-- An invoice is posted once; if the source ever restates one, its newest statement holds.
posted as (

    select distinct on (entity_id, document_id)
        entity_id,
        event_id,
        'invoice' as document_type,
        invoice_id as document_id,
        contract_id,
        customer_id,
        currency_code,
        document_date,
        null::text as cause,
        amount_minor,
        tax_minor
    from invoice_totals
    where event_type = 'invoice.posted'
    order by entity_id asc, document_id asc, occurred_at desc, event_id asc

),

voided as (

    select
        invoice_totals.entity_id,
        invoice_totals.event_id,
        'void' as document_type,
        invoice_totals.invoice_id as document_id,
        invoice_totals.contract_id,
        invoice_totals.customer_id,
        invoice_totals.currency_code,
        invoice_totals.document_date,
        null::text as cause,
        -invoice_totals.amount_minor as amount_minor,
        -invoice_totals.tax_minor as tax_minor
    from invoice_totals
    -- A void of an invoice that was never posted takes nothing back.
    inner join invoice_contracts
        on
            invoice_totals.entity_id = invoice_contracts.entity_id
            and invoice_totals.invoice_id = invoice_contracts.invoice_id
    where invoice_totals.event_type = 'invoice.voided'

),

credits as (

    select
        credits.entity_id,
        credits.event_id,
        case when credits.event_type = 'credit.voided' then 'credit_void' else 'credit' end as document_type,
        credits.credit_id as document_id,
        coalesce(credits.contract_id, invoice_contracts.contract_id) as contract_id,
        credits.customer_id,
        credits.currency_code,
        credits.issued_date as document_date,
        credits.cause,
        case when credits.event_type = 'credit.voided' then -credits.amount_minor else credits.amount_minor end
            as amount_minor,
        case when credits.event_type = 'credit.voided' then -credits.tax_minor else credits.tax_minor end as tax_minor
    from {{ ref('stg_canonical__credit_events') }} as credits
    left join invoice_contracts
        on credits.entity_id = invoice_contracts.entity_id and credits.invoice_id = invoice_contracts.invoice_id

),

payments as (

    select
        payments.entity_id,
        payments.event_id,
        case when payments.event_type = 'payment.refunded' then 'refund' else 'payment' end as document_type,
        payments.payment_id as document_id,
        coalesce(payments.contract_id, invoice_contracts.contract_id) as contract_id,
        payments.customer_id,
        payments.currency_code,
        payments.paid_date as document_date,
        null::text as cause,
        payments.amount_minor,
        0::bigint as tax_minor
    from {{ ref('stg_canonical__payment_events') }} as payments
    left join invoice_contracts
        on payments.entity_id = invoice_contracts.entity_id and payments.invoice_id = invoice_contracts.invoice_id

),

documents as (

    select * from posted
    union all
    select * from voided
    union all
    select * from credits
    union all
    select * from payments

),

final as (

    select
        documents.entity_id,
        documents.event_id,
        documents.document_type,
        documents.document_id,
        coalesce(contracts.contract_id, 'unassigned:' || documents.document_id) as contract_id,
        documents.contract_id as stated_contract_id,
        contracts.contract_id is not null as has_contract,
        documents.customer_id,
        documents.currency_code,
        documents.document_date,
        date_trunc('month', documents.document_date)::date as economic_period,
        documents.cause,
        causes.treatment,
        documents.amount_minor,
        documents.tax_minor
    from documents
    left join contracts
        on documents.entity_id = contracts.entity_id and documents.contract_id = contracts.contract_id
    left join {{ ref('ref_credit_causes') }} as causes
        on documents.entity_id = causes.entity_id and documents.cause = causes.cause

)

select * from final
