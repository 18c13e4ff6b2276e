{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}], meta={'loose_rows': 'exceptions'}) }}

with

source as (

    select * from {{ ref('int_exceptions__collected') }}

),

final as (

    select
        exception_id,
        entity_id,
        reason_code,
        subject_type,
        subject_id,
        contract_id,
        customer_id,
        occurred_date,
        currency_code,
        amount_at_risk_minor,
        owner,
        detail,
        is_blocking
    from source

)

select * from final
