-- Every posted invoice line of a reported month is in the movements, once. Read from the log: staging may hold only the
-- contracts of this derive.
{{ config(meta={'dagster': {'ref': {'name': 'fct_accounting_movement'}}}) }}

with

invoiced as (

    select
        invoices.entity_id,
        invoices.currency_code::text as currency_code,
        sum(lines.amount_minor) as amount_minor
    from {{ source('canonical', 'invoice_event') }} as invoices
    inner join {{ source('canonical', 'invoice_line') }} as lines on invoices.event_id = lines.event_id
    inner join {{ ref('dim_period') }} as periods
        on
            invoices.entity_id = periods.entity_id
            and invoices.issued_date between periods.period_start_date and periods.period_end_date
            and periods.is_reported
    where invoices.event_type = 'invoice.posted' and {{ known('invoices') }}
    group by invoices.entity_id, invoices.currency_code

),

booked as (

    select
        entity_id,
        currency_code,
        sum(amount_minor) as amount_minor
    from {{ ref('fct_accounting_movement') }}
    where movement = 'billing'
    group by entity_id, currency_code

)

select
    invoiced.entity_id,
    invoiced.currency_code,
    invoiced.amount_minor as invoiced_minor,
    booked.amount_minor as booked_minor
from invoiced
full join booked
    on invoiced.entity_id = booked.entity_id and invoiced.currency_code = booked.currency_code
where coalesce(invoiced.amount_minor, 0) <> coalesce(booked.amount_minor, 0)
