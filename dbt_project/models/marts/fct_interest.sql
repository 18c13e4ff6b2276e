{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

source as (

    select * from {{ ref('int_financing__accrued') }}

),

final as (

    select
        entity_id,
        arrangement_id,
        contract_id,
        economic_date,
        currency_code,
        side,
        interest_minor
    from source

)

select * from final
