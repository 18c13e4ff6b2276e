with

source as (

    select * from {{ source('canonical', 'credit_line') }}

),

events as (

    select event_id
    from {{ ref('stg_canonical__credit_events') }}

),

final as (

    select
        source.event_id,
        source.line_no,
        source.contract_line_id,
        source.amount_minor,
        source.tax_minor,
        source.period_start_date,
        source.period_end_date
    from source
    inner join events on source.event_id = events.event_id

)

select * from final
