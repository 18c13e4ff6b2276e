with

source as (

    select events.*
    from {{ source('canonical', 'fx_rate_event') }} as events
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
        rate_date,
        base_currency_code::text as base_currency_code,
        quote_currency_code::text as quote_currency_code,
        rate,
        rate_kind
    from source

)

select * from final
