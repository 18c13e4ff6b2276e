with

source as (

    select * from {{ source('canonical', 'entitlement_event') }}

),

final as (

    select
        event_id,
        event_type,
        known_seq,
        entity_id,
        contract_id,
        line_id,
        customer_id,
        meter,
        from_date,
        to_date,
        is_trial,
        recorded_at
    from source
    where {{ known('known_seq') }}

)

select * from final
