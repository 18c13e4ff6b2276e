with

source as (

    select * from {{ source('canonical', 'usage_event') }}

),

final as (

    select
        event_id,
        event_type,
        source_system,
        known_seq,
        entity_id,
        usage_id,
        customer_id,
        contract_id,
        meter,
        quantity,
        usage_at,
        usage_date,
        is_collision
    from source
    where {{ known('known_seq') }}

)

select * from final
