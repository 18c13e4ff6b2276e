with

source as (

    select * from {{ source('canonical', 'fulfilment_event') }}

),

final as (

    select
        event_id,
        event_type,
        known_seq,
        recorded_at,
        entity_id,
        fulfilment_id,
        contract_id,
        line_id,
        fulfilled_date,
        quantity
    from source
    where {{ known('known_seq') }}

)

select * from final
