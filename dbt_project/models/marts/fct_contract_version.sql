{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

source as (

    select * from {{ ref('int_contracts__segments') }}

),

final as (

    select
        entity_id,
        contract_id,
        version_no,
        event_id,
        event_type,
        customer_id,
        currency_code,
        signed_date,
        effective_date,
        until_date,
        end_date,
        term_months,
        treatment
    from source

)

select * from final
