with

source as (

    select * from {{ ref('int_periods__months') }}

),

final as (

    select
        entity_id,
        period_start_date,
        period_end_date,
        is_reported
    from source

)

select * from final
