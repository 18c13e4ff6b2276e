with

source as (

    select events.*
    from {{ source('canonical', 'usage_event') }} as events
    {{ in_scope('events') }}
    where {{ known('events') }}
    {% if not derives_everything() %}
    union all
    select events.*
    from {{ source('canonical', 'usage_event') }} as events
    {{ in_scope('events', 'customer', 'customer_id') }}
    where events.contract_id is null and {{ known('events') }}
    {% endif %}

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

)

select * from final
