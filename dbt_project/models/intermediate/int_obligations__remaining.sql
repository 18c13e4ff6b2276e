-- Price of what is promised and not yet recognised, at each reported month end, by the month in which it is
-- expected. Months can be told where time alone has to pass; the rest is undated. What an expedient leaves out of
-- the disclosure is here too.

with

segments as (

    select
        segments.*,
        kinds.is_excluded_from_rpo
    from {{ ref('int_obligations__segments') }} as segments
    inner join {{ ref('int_obligations__kinds') }} as kinds
        on segments.entity_id = kinds.entity_id and segments.obligation_id = kinds.obligation_id
    where not segments.is_over and not kinds.is_priced_by_use

),

months as (

    select * from {{ ref('int_periods__calendar') }}

),

steps as (

    select * from {{ ref('int_progress__steps') }}

),

gates as (

    select * from {{ ref('int_contracts__gates') }}
    where gate = 'collectability'

),

in_force as (

    select
        segments.*,
        months.period_end_date as as_of_date
    from segments
    inner join months
        on
            segments.entity_id = months.entity_id
            and months.is_reported
            and segments.in_force_from <= months.period_end_date
            and coalesce(segments.until_date, 'infinity'::date) > months.period_end_date
    -- Without a contract nothing is promised.
    left join gates
        on
            segments.entity_id = gates.entity_id
            and segments.contract_id = gates.contract_id
            and months.period_end_date >= gates.closed_from_date
            and months.period_end_date < coalesce(gates.opened_date, 'infinity'::date)
    where gates.contract_id is null

),

measured as (

    select
        in_force.*,
        in_force.allocated_minor - {{ recognized_through('in_force', 'in_force.as_of_date', 'steps') }} as remaining_minor
    from in_force
    left join steps
        on
            in_force.entity_id = steps.entity_id
            and in_force.obligation_id = steps.obligation_id
            and in_force.as_of_date >= steps.step_date
            and in_force.as_of_date < coalesce(steps.until_date, 'infinity'::date)

),

-- Time alone recognises the rest: the same closed form, month by month until the window ends.
by_month as (

    select
        measured.entity_id,
        measured.obligation_id,
        measured.as_of_date,
        months.period_start_date as expected_period,
        {{ recognized_through('measured', 'least(months.period_end_date, measured.ends_before_date - 1)', 'no_step') }}
        - {{ recognized_through('measured', '(months.period_start_date - 1)', 'no_step') }} as amount_minor
    from measured
    inner join months
        on
            measured.entity_id = months.entity_id
            and measured.as_of_date < months.period_start_date
            and measured.window_start_date <= months.period_end_date
            and least(measured.window_end_date, measured.ends_before_date - 1) >= months.period_start_date
    cross join (select null::numeric as measure, null::numeric as total, null::bigint as set_aside_minor) as no_step
    where measured.recognition_method in ('ratable_daily', 'ratable_monthly') and measured.remaining_minor <> 0

),

dated as (

    select
        entity_id,
        obligation_id,
        as_of_date,
        sum(amount_minor) as amount_minor
    from by_month
    group by entity_id, obligation_id, as_of_date

),

everything as (

    select * from by_month
    union all
    select
        measured.entity_id,
        measured.obligation_id,
        measured.as_of_date,
        null::date as expected_period,
        measured.remaining_minor - coalesce(dated.amount_minor, 0) as amount_minor
    from measured
    left join dated
        on
            measured.entity_id = dated.entity_id
            and measured.obligation_id = dated.obligation_id
            and measured.as_of_date = dated.as_of_date

),

final as (

    select
        in_force.entity_id,
        in_force.performing_entity_id,
        in_force.arrangement_id,
        in_force.package_id,
        in_force.contract_id,
        everything.obligation_id,
        everything.as_of_date,
        everything.expected_period,
        in_force.currency_code,
        in_force.is_excluded_from_rpo,
        sum(everything.amount_minor)::bigint as amount_minor
    from everything
    inner join in_force
        on
            everything.entity_id = in_force.entity_id
            and everything.obligation_id = in_force.obligation_id
            and everything.as_of_date = in_force.as_of_date
    where everything.amount_minor <> 0
    group by
        in_force.entity_id, in_force.performing_entity_id, in_force.arrangement_id, in_force.package_id,
        in_force.contract_id, everything.obligation_id, everything.as_of_date, everything.expected_period,
        in_force.currency_code, in_force.is_excluded_from_rpo

)

select * from final
