with

source as (

    select * from {{ source('canonical', 'invoice_line') }}

),

events as (

    select event_id
    from {{ ref('stg_canonical__invoice_events') }}

),

final as (

    select
        source.event_id,
        source.line_no,
        source.invoice_line_id,
        source.contract_line_id,
        source.product_code,
        source.quantity,
        source.amount_minor,
        source.tax_minor,
        source.period_start_date,
        source.period_end_date,
        source.price_ref,
        source.is_proration
    from source
    inner join events on source.event_id = events.event_id

)

select * from final
