{{ config(indexes=[{'columns': ['books_of', 'calendar_date'], 'unique': true}]) }}
-- The period of each day, of entities whose periods are no calendar months.

with

periods as (

    select * from {{ ref('int_periods__calendar') }}

),

final as (

    select
        periods.entity_id as books_of,
        days.calendar_date::date as calendar_date,
        periods.period_start_date as starts_on,
        periods.period_end_date as ends_on
    from periods
    inner join {{ ref('ref_calendars') }} as calendars on periods.entity_id = calendars.entity_id
    cross join lateral generate_series(
        periods.period_start_date::timestamp, periods.period_end_date::timestamp, interval '1 day'
    ) as days (calendar_date)

)

select * from final
