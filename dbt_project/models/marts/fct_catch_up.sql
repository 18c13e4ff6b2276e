{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'package_id']}], meta={'scope_key': 'package_id'}) }}

with

source as (

    select * from {{ ref('int_revenue__catch_ups') }}

),

final as (

    select
        entity_id,
        package_id,
        obligation_key,
        effective_date,
        economic_period,
        event_ids,
        amount_minor
    from source

)

select * from final
