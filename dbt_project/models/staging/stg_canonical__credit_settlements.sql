with

source as (

    select * from {{ source('canonical', 'credit_settlement') }}

),

events as (

    select event_id
    from {{ ref('stg_canonical__credit_events') }}

),

final as (

    select
        source.event_id,
        source.line_no,
        source.settle_to,
        source.amount_minor
    from source
    inner join events on source.event_id = events.event_id

)

select * from final
