{{ config(materialized='view') }}

with

versions as (

    select * from {{ ref('fct_contract_version') }}

),

final as (

    select
        entity_id,
        customer_id,
        count(distinct contract_id) as contract_count,
        min(effective_date) as first_effective_date
    from versions
    group by entity_id, customer_id

)

select * from final
