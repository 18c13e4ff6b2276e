with

source as (

    select events.*
    from {{ source('canonical', 'fulfilment_event') }} as events
    {{ in_scope('events') }}
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
        fulfilment_id,
        contract_id,
        line_id,
        fulfilled_date,
        quantity,
        amount_minor
    from source

)

select * from final
