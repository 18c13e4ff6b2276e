-- Everything that may not pass without a person, one row per item and reason.

with

entitled as (

    select * from {{ ref('int_usage__entitled') }}

),

documents as (

    select * from {{ ref('int_documents__classified') }}

),

segments as (

    select * from {{ ref('int_contracts__segments') }}

),

entities as (

    select * from {{ ref('ref_legal_entities') }}

),

unit_prices as (

    select
        segments.entity_id,
        segments.contract_id,
        segments.currency_code,
        lines.usage_meter,
        max(lines.unit_price_minor) as unit_price_minor
    from segments
    inner join {{ ref('stg_canonical__contract_lines') }} as lines on segments.event_id = lines.event_id
    where lines.usage_meter is not null and lines.unit_price_minor is not null
    group by segments.entity_id, segments.contract_id, segments.currency_code, lines.usage_meter

),

unentitled_usage as (

    select
        entitled.entity_id,
        entitled.reason_code,
        'usage' as subject_type,
        entitled.event_id as subject_id,
        entitled.contract_id,
        entitled.customer_id,
        entitled.usage_date as occurred_date,
        coalesce(unit_prices.currency_code, entities.functional_currency_code) as currency_code,
        coalesce(round(entitled.quantity * unit_prices.unit_price_minor), 0)::bigint as amount_at_risk_minor,
        'usage ' || entitled.usage_id || ': ' || trim_scale(entitled.quantity) || ' ' || entitled.meter as detail
    from entitled
    inner join entities on entitled.entity_id = entities.entity_id
    left join unit_prices
        on
            entitled.entity_id = unit_prices.entity_id
            and entitled.contract_id = unit_prices.contract_id
            and entitled.meter = unit_prices.usage_meter
    where not entitled.is_entitled and entitled.reason_code <> 'COLLISION'

),

collided_usage as (

    select
        usage_events.entity_id,
        'COLLISION' as reason_code,
        'usage_id' as subject_type,
        usage_events.usage_id as subject_id,
        min(usage_events.contract_id) as contract_id,
        min(usage_events.customer_id) as customer_id,
        min(usage_events.usage_date) as occurred_date,
        min(entities.functional_currency_code) as currency_code,
        0::bigint as amount_at_risk_minor,
        'usage_id ' || usage_events.usage_id || ' came ' || count(*) || ' times with different content' as detail
    from {{ ref('stg_canonical__usage_events') }} as usage_events
    inner join entities on usage_events.entity_id = entities.entity_id
    group by usage_events.entity_id, usage_events.source_system, usage_events.usage_id
    having bool_or(usage_events.is_collision)

),

quarantined_contracts as (

    select
        quarantined.entity_id,
        quarantined.reason_code,
        'contract' as subject_type,
        quarantined.contract_id as subject_id,
        quarantined.contract_id,
        first_version.customer_id,
        first_version.effective_date as occurred_date,
        first_version.currency_code,
        coalesce(prices.amount_minor, 0)::bigint as amount_at_risk_minor,
        quarantined.detail
    from {{ ref('int_contracts__quarantined') }} as quarantined
    inner join segments as first_version
        on
            quarantined.entity_id = first_version.entity_id
            and quarantined.contract_id = first_version.contract_id
            and first_version.version_no = 1
    left join
        (
            select
                event_id,
                sum(amount_minor) as amount_minor
            from {{ ref('stg_canonical__contract_lines') }}
            group by event_id
        ) as prices
        on first_version.event_id = prices.event_id

),

changes_after_the_end as (

    select
        events.entity_id,
        'CHANGE_AFTER_TERMINATION' as reason_code,
        'contract_event' as subject_type,
        events.event_id as subject_id,
        events.contract_id,
        events.customer_id,
        events.effective_date as occurred_date,
        events.currency_code,
        0::bigint as amount_at_risk_minor,
        events.event_type || ' effective ' || events.effective_date || ' changes nothing' as detail
    from {{ ref('stg_canonical__contract_events') }} as events
    left join segments on events.event_id = segments.event_id
    where segments.event_id is null

),

-- The invoice was priced from a version of the contract that is not in force on its first service day.
stale_prices as (

    select
        invoices.entity_id,
        'STALE_PRICE' as reason_code,
        'invoice_line' as subject_type,
        lines.invoice_line_id as subject_id,
        invoices.contract_id,
        invoices.customer_id,
        invoices.issued_date as occurred_date,
        invoices.currency_code,
        abs(lines.amount_minor) as amount_at_risk_minor,
        'invoice ' || invoices.invoice_id || ' bills ' || lines.price_ref || ', the contract says '
        || contract_lines.price_ref as detail
    from {{ ref('stg_canonical__invoice_events') }} as invoices
    inner join {{ ref('stg_canonical__invoice_lines') }} as lines on invoices.event_id = lines.event_id
    inner join segments
        on
            invoices.entity_id = segments.entity_id
            and invoices.contract_id = segments.contract_id
            and coalesce(lines.period_start_date, invoices.issued_date) >= segments.effective_date
            and coalesce(lines.period_start_date, invoices.issued_date) < coalesce(segments.until_date, 'infinity'::date)
    inner join {{ ref('stg_canonical__contract_lines') }} as contract_lines
        on
            segments.event_id = contract_lines.event_id
            and lines.contract_line_id = contract_lines.line_id
    where
        invoices.event_type = 'invoice.posted'
        and not lines.is_proration
        and lines.price_ref <> contract_lines.price_ref

),

causeless_credits as (

    select
        entity_id,
        'CREDIT_WITHOUT_CAUSE' as reason_code,
        'credit' as subject_type,
        document_id as subject_id,
        contract_id,
        customer_id,
        document_date as occurred_date,
        currency_code,
        amount_minor + tax_minor as amount_at_risk_minor,
        'credit note ' || document_id || case
            when cause is null then ' names no cause' else ' names ' || cause || ', which has no treatment'
        end as detail
    from documents
    where document_type = 'credit' and treatment = 'suspense_credit'

),

homeless_documents as (

    select
        entity_id,
        case document_type when 'invoice' then 'INVOICE_WITHOUT_CONTRACT' else 'DOCUMENT_WITHOUT_CONTRACT' end
            as reason_code,
        document_type as subject_type,
        document_id as subject_id,
        stated_contract_id as contract_id,
        customer_id,
        document_date as occurred_date,
        currency_code,
        abs(amount_minor + tax_minor) as amount_at_risk_minor,
        document_type || ' ' || document_id || ' names ' || coalesce('contract ' || stated_contract_id || ', which is unknown', 'no contract')
            as detail
    from documents
    where not has_contract and document_type <> 'void'

),

foreign_documents as (

    select
        documents.entity_id,
        'CURRENCY_MISMATCH' as reason_code,
        documents.document_type as subject_type,
        documents.document_id as subject_id,
        documents.contract_id,
        documents.customer_id,
        documents.document_date as occurred_date,
        documents.currency_code,
        abs(documents.amount_minor + documents.tax_minor) as amount_at_risk_minor,
        documents.document_type || ' ' || documents.document_id || ' is in ' || documents.currency_code
        || ', its contract in ' || segments.currency_code as detail
    from documents
    inner join segments
        on
            documents.entity_id = segments.entity_id
            and documents.contract_id = segments.contract_id
            and segments.version_no = 1
    where documents.currency_code <> segments.currency_code

),

early_documents as (

    select
        documents.entity_id,
        'MISSING_PERIOD' as reason_code,
        documents.document_type as subject_type,
        documents.document_id as subject_id,
        documents.contract_id,
        documents.customer_id,
        documents.document_date as occurred_date,
        documents.currency_code,
        abs(documents.amount_minor + documents.tax_minor) as amount_at_risk_minor,
        documents.document_type || ' of ' || documents.document_date || ', books from ' || entities.first_period as detail
    from documents
    inner join entities on documents.entity_id = entities.entity_id
    where documents.document_date < entities.first_period

),

-- The close of a dispute nobody has opened names no amount.
lost_documents as (

    select
        events.entity_id,
        'DOCUMENT_WITHOUT_CONTRACT' as reason_code,
        split_part(events.event_type, '.', 1) as subject_type,
        events.payment_id as subject_id,
        events.contract_id,
        events.customer_id,
        events.paid_date as occurred_date,
        coalesce(events.currency_code, entities.functional_currency_code) as currency_code,
        0::bigint as amount_at_risk_minor,
        events.event_type || ' ' || events.payment_id || ' names no dispute that was opened' as detail
    from {{ ref('stg_canonical__payment_events') }} as events
    inner join entities on events.entity_id = entities.entity_id
    left join documents
        on
            events.entity_id = documents.entity_id
            and events.event_id = documents.event_id
            and documents.document_type in ('dispute_won', 'dispute_lost')
    where events.event_type in ('dispute.won', 'dispute.lost') and documents.event_id is null

),

-- Without a rate the entity's own books cannot hold it; the currency of the contract still can.
unrated as (

    select
        movements.entity_id,
        'MISSING_RATE' as reason_code,
        'contract' as subject_type,
        movements.contract_id || ':' || movements.currency_code as subject_id,
        movements.contract_id,
        min(contracts.customer_id) as customer_id,
        min(movements.economic_date) as occurred_date,
        movements.currency_code,
        sum(abs(movements.amount_minor))::bigint as amount_at_risk_minor,
        'no rate from ' || movements.currency_code || ' to ' || movements.functional_currency_code || ' on or before '
        || min(movements.economic_date) as detail
    from {{ ref('int_fx__movements') }} as movements
    left join {{ ref('int_contracts__arrangements') }} as contracts
        on movements.entity_id = contracts.entity_id and movements.contract_id = contracts.contract_id
    where movements.spot_minor is null
    group by
        movements.entity_id, movements.contract_id, movements.currency_code, movements.functional_currency_code

),

uncollectible as (

    select
        entity_id,
        'WRITE_OFF_UNDECIDED' as reason_code,
        'invoice' as subject_type,
        invoice_id as subject_id,
        contract_id,
        customer_id,
        issued_date as occurred_date,
        currency_code,
        0::bigint as amount_at_risk_minor,
        'invoice ' || invoice_id || ' was marked uncollectible at the source' as detail
    from {{ ref('stg_canonical__invoice_events') }} as invoices
    where
        event_type = 'invoice.uncollectible'
        -- Written off: decided.
        and not exists (
            select 1
            from documents
            where
                documents.document_type = 'write_off'
                and documents.entity_id = invoices.entity_id
                and documents.invoice_id = invoices.invoice_id
        )

),

everything as (

    select * from unentitled_usage
    union all
    select * from collided_usage
    union all
    select * from quarantined_contracts
    union all
    select * from changes_after_the_end
    union all
    select * from stale_prices
    union all
    select * from causeless_credits
    union all
    select * from homeless_documents
    union all
    select * from foreign_documents
    union all
    select * from early_documents
    union all
    select * from uncollectible
    union all
    select * from lost_documents
    union all
    select * from unrated

),

final as (

    select
        everything.entity_id || ':' || everything.reason_code || ':' || everything.subject_type || ':'
        || everything.subject_id as exception_id,
        everything.entity_id,
        everything.reason_code,
        everything.subject_type,
        everything.subject_id,
        everything.contract_id,
        everything.customer_id,
        everything.occurred_date,
        everything.currency_code,
        everything.amount_at_risk_minor::bigint as amount_at_risk_minor,
        reasons.owner,
        everything.detail,
        reasons.is_blocking
    from everything
    left join {{ ref('ref_exception_reasons') }} as reasons on everything.reason_code = reasons.reason_code

)

select * from final
