with

source as (

    select events.*
    from {{ source('canonical', 'balance_event') }} as events
    {{ in_scope('events', 'entity', 'entity_id') }}
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
        balance_date,
        account_role,
        currency_code::text as currency_code,
        amount_minor
    from source

)

select * from final
