-- Revenue of each month: revenue to date at its end minus revenue to date at the end of the month before.
--
-- Rounding: the cumulative amount is rounded, never the month, so the months of an obligation add up to
-- its price and no plug line is needed (docs/decisions/0002).

with

segments as (

    select * from {{ ref('int_obligations__segments') }}

),

periods as (

    select * from {{ ref('int_periods__months') }}

),

segment_months as (

    select
        segments.*,
        periods.period_start_date,
        least(periods.period_end_date, segments.cut_date - 1) as through_date,
        least(periods.period_start_date - 1, segments.cut_date - 1) as before_date
    from segments
    inner join periods
        on
            segments.entity_id = periods.entity_id
            and segments.window_start_date <= periods.period_end_date
            and least(segments.window_end_date, segments.cut_date - 1) >= periods.period_start_date

),

fixed as (

    select
        segment_months.segment_id || ':' || to_char(segment_months.period_start_date, 'YYYY-MM') as schedule_id,
        segment_months.entity_id,
        segment_months.contract_id,
        segment_months.obligation_id,
        segment_months.contract_version,
        segment_months.component,
        segment_months.revenue_role,
        segment_months.period_start_date as economic_period,
        segment_months.currency_code,
        segment_months.base_minor + {{ earned_through('segment_months.allocated_minor', 'segment_months.before_date', 'segment_months') }}
            as recognized_before_minor,
        segment_months.base_minor + {{ earned_through('segment_months.allocated_minor', 'segment_months.through_date', 'segment_months') }}
            as recognized_to_date_minor
    from segment_months

),

by_use as (

    select
        obligation_id || ':' || contract_version || ':' || line_id || ':usage:' || to_char(economic_period, 'YYYY-MM')
            as schedule_id,
        entity_id,
        contract_id,
        obligation_id,
        contract_version,
        'usage' as component,
        revenue_role,
        economic_period,
        currency_code,
        recognized_before_minor,
        recognized_to_date_minor
    from {{ ref('int_usage__rated') }}

),

everything as (

    select * from fixed
    union all
    select * from by_use

),

final as (

    select
        *,
        recognized_to_date_minor - recognized_before_minor as recognized_minor
    from everything
    where recognized_to_date_minor <> recognized_before_minor

)

select * from final
