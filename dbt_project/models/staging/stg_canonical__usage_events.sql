with

source as (

    select * from {{ source('canonical', 'usage_event') }}

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
        usage_id,
        customer_id,
        contract_id,
        meter,
        quantity,
        usage_at,
        usage_date,
        is_collision,
        line_id,
        period_start_date,
        period_end_date,
        customer_sales_minor
    from source
    where {{ known('known_seq') }}

)

select * from final
