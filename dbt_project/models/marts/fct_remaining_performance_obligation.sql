{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

-- What the notes disclose of it (ASC 606-10-50-13): all but what an expedient leaves out (50-14).

with

remaining as (

    select * from {{ ref('int_obligations__remaining') }}
    where not is_excluded_from_rpo

),

final as (

    select
        entity_id,
        package_id,
        contract_id,
        obligation_id,
        as_of_date,
        expected_period,
        case
            when expected_period is null then 'undated'
            when expected_period <= as_of_date + interval '12 months' then '0-12'
            when expected_period <= as_of_date + interval '24 months' then '13-24'
            else '25+'
        end as band,
        currency_code,
        amount_minor
    from remaining

)

select * from final
