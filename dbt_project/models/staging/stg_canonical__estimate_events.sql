with

source as (

    select events.*
    from {{ source('canonical', 'estimate_event') }} as events
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
        effective_date,
        line_id,
        component_id,
        estimate_minor,
        expected_quantity,
        expected_units,
        costs_to_date_minor,
        expected_costs_minor,
        uninstalled_costs_minor,
        percent_complete,
        milestone,
        is_collection_probable,
        lapsed_right,
        reason
    from source

)

select * from final
