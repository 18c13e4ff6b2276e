with

source as (

    select events.*
    from {{ source('canonical', 'payment_event') }} as events
    {{ in_scope('events', 'document', 'payment_id') }}
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
        payment_id,
        invoice_id,
        contract_id,
        customer_id,
        currency_code::text as currency_code,
        paid_date,
        amount_minor,
        related_id
    from source

)

select * from final
