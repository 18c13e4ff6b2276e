with

source as (

    select * from {{ source('canonical', 'contract_line') }}

),

events as (

    select event_id
    from {{ ref('stg_canonical__contract_events') }}

),

final as (

    select
        source.event_id,
        source.line_no,
        source.line_id,
        source.obligation_key,
        source.product_code,
        source.quantity,
        source.amount_minor,
        source.ssp_minor,
        source.service_start_date,
        source.service_end_date,
        source.price_ref,
        source.usage_meter,
        source.unit_price_minor,
        source.included_quantity
    from source
    inner join events on source.event_id = events.event_id

)

select * from final
