{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

steps as (

    select * from {{ ref('int_progress__steps') }}

),

kinds as (

    select * from {{ ref('int_obligations__kinds') }}

),

final as (

    select
        steps.entity_id,
        kinds.contract_id,
        steps.obligation_id,
        steps.step_date,
        steps.until_date,
        steps.measure::numeric as measure,
        steps.total::numeric as total,
        steps.set_aside_minor
    from steps
    inner join kinds on steps.entity_id = kinds.entity_id and steps.obligation_id = kinds.obligation_id

)

select * from final
