with

source as (

    select * from {{ source('canonical', 'contract_event') }}

),

final as (

    select
        event_id,
        event_type,
        source_system,
        occurred_at,
        known_seq,
        entity_id,
        contract_id,
        contract_version,
        customer_id,
        currency_code::text as currency_code,
        signed_date,
        effective_date,
        end_date,
        term_months,
        replaces_contract_id,
        supersedes_from_date,
        refund_minor
    from source
    where {{ known('known_seq') }}

)

select * from final
