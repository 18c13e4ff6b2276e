-- Days on which an obligation at a fixed price may recognise: the ends of the months of its window and of
-- the month in which a change cuts it, the days on which facts move it, the days on which a change of price
-- catches up, and the day on which a gate opens.

with

segments as (

    select * from {{ ref('int_obligations__segments') }}

),

months as (

    select * from {{ ref('int_periods__calendar') }}

),

by_month as (

    select
        segments.entity_id,
        segments.obligation_id,
        months.period_end_date as economic_date
    from segments
    inner join months
        on
            segments.entity_id = months.entity_id
            and segments.window_start_date <= months.period_end_date
            and segments.window_end_date >= months.period_start_date
    where segments.recognition_method in ('ratable_daily', 'ratable_monthly')

),

cut_months as (

    select
        segments.entity_id,
        segments.obligation_id,
        {{ period_end_of('segments.entity_id', '(segments.effective_date - 1)') }} as economic_date
    from segments
    where
        segments.recognition_method in ('ratable_daily', 'ratable_monthly')
        and segments.is_later
        and segments.price_mode in ('repool', 'terminate')

),

caught_up as (

    select
        entity_id,
        obligation_id,
        in_force_from as economic_date
    from segments
    where
        is_later
        and (
            recognition_method is null
            or recognition_method not in ('ratable_daily', 'ratable_monthly')
            -- What still runs catches up at the end of the month.
            or price_mode = 'terminate'
            or window_end_date < in_force_from
        )

),

stepped as (

    select
        segments.entity_id,
        segments.obligation_id,
        steps.step_date as economic_date
    from (
        select distinct
            entity_id,
            obligation_id
        from segments
    ) as segments
    inner join {{ ref('int_progress__steps') }} as steps
        on segments.entity_id = steps.entity_id and segments.obligation_id = steps.obligation_id

),

opened as (

    select
        segments.entity_id,
        segments.obligation_id,
        gates.opened_date as economic_date
    from segments
    inner join {{ ref('int_contracts__gates') }} as gates
        on segments.entity_id = gates.entity_id and segments.arrangement_id = gates.arrangement_id
    where gates.opened_date is not null

),

everything as (

    select * from by_month
    union
    select * from cut_months
    union
    select * from caught_up
    union
    select * from stepped
    union
    select * from opened

),

final as (

    select everything.*
    from everything
    where
        not exists (
            select 1
            from {{ ref('int_contracts__gates') }} as gates
            inner join {{ ref('int_obligations__kinds') }} as kinds
                on gates.entity_id = kinds.entity_id and gates.arrangement_id = kinds.arrangement_id
            where
                kinds.entity_id = everything.entity_id
                and kinds.obligation_id = everything.obligation_id
                and everything.economic_date >= gates.closed_from_date
                and everything.economic_date < coalesce(gates.opened_date, 'infinity'::date)
        )

)

select * from final
