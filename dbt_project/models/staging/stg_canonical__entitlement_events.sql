with

source as (

    select events.*
    from {{ source('canonical', 'entitlement_event') }} as events
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
        contract_id,
        line_id,
        customer_id,
        meter,
        from_date,
        to_date,
        is_trial
    from source

)

select * from final
