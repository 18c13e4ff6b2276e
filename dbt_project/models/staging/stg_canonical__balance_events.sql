with

source as (

    select * from {{ source('canonical', 'balance_event') }}

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
    where {{ known('known_seq') }}

)

select * from final
