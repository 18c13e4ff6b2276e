with

source as (

    select * from {{ source('canonical', 'invoice_event') }}

),

final as (

    select
        event_id,
        event_type,
        occurred_at,
        known_seq,
        entity_id,
        invoice_id,
        invoice_number,
        contract_id,
        customer_id,
        currency_code::text as currency_code,
        issued_date,
        due_date
    from source
    where {{ known('known_seq') }}

)

select * from final
