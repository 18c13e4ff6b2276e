{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

source as (

    select * from {{ ref('int_positions__period_ends') }}

),

final as (

    select
        entity_id,
        arrangement_id as contract_id,
        currency_code,
        period_start_date,
        period_end_date,
        billed_minor,
        recognized_minor,
        receivable_minor,
        contract_asset_minor,
        contract_liability_minor
    from source

)

select * from final
