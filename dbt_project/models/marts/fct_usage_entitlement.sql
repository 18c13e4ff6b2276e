{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}], meta={'loose_rows': 'usage'}) }}

with

source as (

    select * from {{ ref('int_usage__entitled') }}

),

final as (

    select
        event_id,
        usage_id,
        entity_id,
        contract_id,
        line_id,
        customer_id,
        meter,
        quantity::numeric as quantity,
        usage_date,
        economic_period,
        is_entitled,
        reason_code,
        is_trial
    from source

)

select * from final
