with

source as (

    select * from {{ ref('int_periods__calendar') }}

),

final as (

    select
        entity_id,
        period_start_date,
        period_end_date,
        period_label,
        is_reported
    from source

)

select * from final
