{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

source as (

    select * from {{ ref('int_contracts__gates') }}

),

final as (

    select
        entity_id,
        arrangement_id,
        contract_id,
        gate,
        closed_from_date,
        opened_date
    from source

)

select * from final
