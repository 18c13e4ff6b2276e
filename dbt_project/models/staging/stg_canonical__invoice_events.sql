with

source as (

    select events.*
    from {{ source('canonical', 'invoice_event') }} as events
    {{ in_scope('events', 'document', 'invoice_id') }}
    where {{ known('events') }}

),

final as (

    select
        event_id,
        event_type,
        source_system,
        source_object,
        source_id,
        source_version,
        occurred_at,
        recorded_at,
        known_seq,
        inbox_id,
        entity_id,
        payload_hash,
        raw_uri,
        schema_version,
        adapter_version,
        invoice_id,
        invoice_number,
        contract_id,
        customer_id,
        currency_code::text as currency_code,
        issued_date,
        due_date
    from source

)

select * from final
