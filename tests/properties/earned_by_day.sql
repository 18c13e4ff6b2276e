-- Revenue of every time-based segment through each day on which it is in force, for the property that it
-- only grows. Built beside the models of a copy of the project.
{{ config(materialized='table', schema='intermediate') }}

select
    segments.entity_id,
    segments.obligation_id,
    segments.segment_id,
    days.day::date as day,
    segments.base_minor,
    segments.price_minor,
    {{ recognized_through('segments', 'days.day::date', 'no_step') }} as earned_minor
from {{ ref('int_obligations__segments') }} as segments
cross join (select null::numeric as measure, null::numeric as total, null::bigint as set_aside_minor) as no_step
cross join lateral generate_series(
    greatest(segments.window_start_date, segments.in_force_from),
    least(segments.window_end_date, segments.until_date - 1),
    interval '1 day'
) as days (day)
where segments.recognition_method in ('ratable_daily', 'ratable_monthly') and segments.entity_id ~ '-00[0-5][0-9]{2}$'
