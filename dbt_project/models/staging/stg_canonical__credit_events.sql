with

source as (

    select * from {{ source('canonical', 'credit_event') }}

),

final as (

    select
        event_id,
        event_type,
        occurred_at,
        known_seq,
        entity_id,
        credit_id,
        invoice_id,
        contract_id,
        customer_id,
        currency_code::text as currency_code,
        issued_date,
        cause,
        amount_minor,
        tax_minor
    from source
    where {{ known('known_seq') }}

)

select * from final
