-- Accounting months of each entity. The calendar runs on behind the last reported month, so that the
-- schedule of a long contract has a month for every day of its life.

with

entities as (

    select * from {{ ref('ref_legal_entities') }}

),

final as (

    select
        entities.entity_id,
        months.month_start::date as period_start_date,
        (months.month_start + interval '1 month' - interval '1 day')::date as period_end_date,
        months.month_start::date <= entities.last_period as is_reported
    from entities
    inner join lateral generate_series(
        entities.first_period::timestamp,
        entities.last_period::timestamp + interval '20 years',
        interval '1 month'
    ) as months (month_start) on true

)

select * from final
