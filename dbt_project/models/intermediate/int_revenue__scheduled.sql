-- Revenue of each obligation by day of recognition: revenue to date minus revenue to date before.
--
-- Rounding: the cumulative amount is rounded, never the month, so the months of an obligation add up to
-- its price and no plug line is needed (docs/decisions/0002). Time-based revenue is dated the last day of its
-- month, everything else the day on which it happened.

with

segments as (

    select * from {{ ref('int_obligations__segments') }}

),

dates as (

    select * from {{ ref('int_revenue__dates') }}

),

steps as (

    select * from {{ ref('int_progress__steps') }}

),

evaluated as (

    select
        segments.entity_id,
        segments.performing_entity_id,
        segments.arrangement_id,
        segments.package_id,
        segments.contract_id,
        segments.obligation_id,
        segments.obligation_key,
        segments.contract_version,
        segments.term_no,
        segments.revenue_role,
        segments.currency_code,
        segments.released_to_date_minor,
        dates.economic_date,
        {{ recognized_through('segments', 'dates.economic_date', 'steps') }} as recognized_to_date_minor
    from dates
    inner join segments
        on
            dates.entity_id = segments.entity_id
            and dates.obligation_id = segments.obligation_id
            and dates.economic_date >= segments.in_force_from
            and dates.economic_date < coalesce(segments.until_date, 'infinity'::date)
    left join steps
        on
            dates.entity_id = steps.entity_id
            and dates.obligation_id = steps.obligation_id
            and dates.economic_date >= steps.step_date
            and dates.economic_date < coalesce(steps.until_date, 'infinity'::date)

),

stepwise as (

    select
        *,
        recognized_to_date_minor - released_to_date_minor as fixed_to_date_minor,
        lag(recognized_to_date_minor - released_to_date_minor, 1, 0::bigint) over by_date as fixed_before_minor,
        lag(released_to_date_minor, 1, 0::bigint) over by_date as released_before_minor
    from evaluated
    window by_date as (partition by entity_id, obligation_id order by economic_date)

),

fixed as (

    select
        obligation_id || ':' || contract_version || ':' || term_no || ':' || economic_date as schedule_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        obligation_id,
        obligation_key,
        contract_version,
        'fixed' as component,
        revenue_role,
        economic_date,
        currency_code,
        fixed_before_minor as recognized_before_minor,
        fixed_to_date_minor as recognized_to_date_minor
    from stepwise

),

released as (

    select
        obligation_id || ':' || contract_version || ':' || term_no || ':termination:' || economic_date as schedule_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        obligation_id,
        obligation_key,
        contract_version,
        'termination' as component,
        'termination_revenue' as revenue_role,
        economic_date,
        currency_code,
        released_before_minor as recognized_before_minor,
        released_to_date_minor as recognized_to_date_minor
    from stepwise

),

by_use as (

    select
        obligation_id || ':' || contract_version || ':' || line_id || ':' || component || ':' || economic_date as schedule_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        obligation_id,
        obligation_key,
        contract_version,
        component,
        revenue_role,
        economic_date,
        currency_code,
        recognized_before_minor,
        recognized_to_date_minor
    from {{ ref('int_usage__rated') }}

),

everything as (

    select * from fixed
    union all
    select * from released
    union all
    select * from by_use
    union all
    select * from {{ ref('int_revenue__financed') }}

),

final as (

    select
        schedule_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        obligation_id,
        obligation_key,
        contract_version,
        component,
        revenue_role,
        economic_date,
        {{ period_of('entity_id', 'economic_date') }} as economic_period,
        currency_code,
        recognized_before_minor::bigint as recognized_before_minor,
        recognized_to_date_minor::bigint as recognized_to_date_minor,
        (recognized_to_date_minor - recognized_before_minor)::bigint as recognized_minor
    from everything
    where recognized_to_date_minor <> recognized_before_minor

)

select * from final
