-- Accounting periods of each entity: calendar months, or the weeks of a 52/53-week year in quarters of 4-4-5, 4-5-4 or
-- 5-4-4. The calendar runs on behind the last reported period, so that the schedule of a long contract has a period for
-- every day of its life. A 53rd week belongs to the last period of its year.

with

entities as (

    select
        entities.*,
        calendars.week_pattern,
        calendars.year_end_month,
        calendars.year_end_weekday,
        calendars.year_end_rule
    from {{ ref('ref_legal_entities') }} as entities
    left join {{ ref('ref_calendars') }} as calendars on entities.entity_id = calendars.entity_id

),

by_month as (

    select
        entities.entity_id,
        months.month_start::date as period_start_date,
        (months.month_start + interval '1 month' - interval '1 day')::date as period_end_date
    from entities
    inner join lateral generate_series(
        entities.first_period::timestamp,
        entities.last_period::timestamp + interval '20 years',
        interval '1 month'
    ) as months (month_start) on true
    where entities.week_pattern is null

),

-- The last day of the month in which the year ends, and the weekday of the year's end on or before it.
year_ends as (

    select
        entities.entity_id,
        entities.year_end_rule,
        string_to_array(entities.week_pattern, '-')::integer[] as weeks,
        months.last_date,
        months.last_date
        - ((extract(isodow from months.last_date)::integer - entities.year_end_weekday + 7) % 7) as weekday_before
    from entities
    inner join lateral generate_series(
        extract(year from entities.first_period)::integer - 2,
        extract(year from entities.last_period)::integer + 21
    ) as years (year_no) on true
    cross join
        lateral (
            select (make_date(years.year_no, entities.year_end_month, 1) + interval '1 month' - interval '1 day')::date as last_date
        ) as months
    where entities.week_pattern is not null

),

years as (

    select
        entity_id,
        weeks,
        lag(year_end_date) over (partition by entity_id order by year_end_date) + 1 as year_start_date,
        year_end_date
    from (
        select
            entity_id,
            weeks,
            case when year_end_rule = 'nearest' and last_date - weekday_before > 3 then weekday_before + 7 else weekday_before end
                as year_end_date
        from year_ends
    ) as ended

),

by_weeks as (

    select
        years.entity_id,
        years.year_start_date
        + 7 * (
            13 * quarters.quarter_no
            + case parts.part_no when 1 then 0 when 2 then years.weeks[1] else years.weeks[1] + years.weeks[2] end
        ) as period_start_date,
        case
            when quarters.quarter_no = 3 and parts.part_no = 3 then years.year_end_date
            else
                years.year_start_date
                + 7 * (
                    13 * quarters.quarter_no
                    + case parts.part_no when 1 then years.weeks[1] when 2 then years.weeks[1] + years.weeks[2] else 13 end
                ) - 1
        end as period_end_date
    from years
    cross join generate_series(0, 3) as quarters (quarter_no)
    cross join generate_series(1, 3) as parts (part_no)
    where years.year_start_date is not null

),

final as (

    select
        periods.entity_id,
        periods.period_start_date,
        periods.period_end_date,
        -- A period is named by the month of its fourteenth day: of weeks, the month that has most of it.
        to_char(periods.period_start_date + 13, 'YYYY-MM') as period_label,
        periods.period_start_date <= entities.last_period as is_reported
    from (
        select * from by_month
        union all
        select * from by_weeks
    ) as periods
    inner join entities
        on periods.entity_id = entities.entity_id and periods.period_start_date >= entities.first_period

)

select * from final
