with

source as (

    select * from {{ source('canonical', 'payment_event') }}

),

final as (

    select
        event_id,
        event_type,
        known_seq,
        entity_id,
        payment_id,
        invoice_id,
        contract_id,
        customer_id,
        currency_code::text as currency_code,
        paid_date,
        amount_minor
    from source
    where {{ known('known_seq') }}

)

select * from final
