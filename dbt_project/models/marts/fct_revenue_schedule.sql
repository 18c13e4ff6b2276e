{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

source as (

    select * from {{ ref('int_revenue__scheduled') }}

),

final as (

    select
        schedule_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        obligation_id,
        obligation_key,
        contract_version,
        component,
        revenue_role,
        economic_date,
        economic_period,
        currency_code,
        recognized_before_minor,
        recognized_to_date_minor,
        recognized_minor
    from source

)

select * from final
