-- The part of revenue that belongs to earlier performance: what a change of price or of the measure does, on
-- its day, to the revenue of the days before (ASC 606-10-25-13b, 32-43, 606-10-50-12A).

with

segments as (

    select * from {{ ref('int_obligations__segments') }}

),

steps as (

    select * from {{ ref('int_progress__steps') }}

),

changed_totals as (

    select
        entity_id,
        obligation_id,
        step_date as effective_date
    from (
        select
            entity_id,
            obligation_id,
            step_date,
            total,
            lag(total) over (partition by entity_id, obligation_id order by step_date) as previous_total
        from steps
    ) as ordered
    where total <> previous_total

),

days as (

    select
        entity_id,
        obligation_id,
        in_force_from as effective_date
    from segments
    where is_later
    union
    select * from changed_totals

),

compared as (

    select
        days.entity_id,
        days.obligation_id,
        days.effective_date,
        new_terms.package_id,
        new_terms.obligation_key,
        new_terms.released_to_date_minor - old_terms.released_to_date_minor as released_minor,
        {{ recognized_through('new_terms', '(days.effective_date - 1)', 'restated') }}
        - {{ recognized_through('old_terms', '(days.effective_date - 1)', 'before') }} as difference_minor
    from days
    inner join segments as new_terms
        on
            days.entity_id = new_terms.entity_id
            and days.obligation_id = new_terms.obligation_id
            and days.effective_date >= new_terms.in_force_from
            and days.effective_date < coalesce(new_terms.until_date, 'infinity'::date)
    inner join segments as old_terms
        on
            days.entity_id = old_terms.entity_id
            and days.obligation_id = old_terms.obligation_id
            and days.effective_date - 1 >= old_terms.in_force_from
            and days.effective_date - 1 < coalesce(old_terms.until_date, 'infinity'::date)
    left join steps as before
        on
            days.entity_id = before.entity_id
            and days.obligation_id = before.obligation_id
            and days.effective_date - 1 >= before.step_date
            and days.effective_date - 1 < coalesce(before.until_date, 'infinity'::date)
    left join steps as here
        on
            days.entity_id = here.entity_id
            and days.obligation_id = here.obligation_id
            and days.effective_date >= here.step_date
            and days.effective_date < coalesce(here.until_date, 'infinity'::date)
    -- What had been done by then, of what is now expected.
    left join lateral (
        select
            before.measure,
            here.total,
            before.set_aside_minor
    ) as restated on true

),

-- When collection becomes probable, or a right lapses, what was performed before is caught up.
opened as (

    select
        segments.entity_id,
        segments.package_id,
        segments.obligation_key,
        gates.opened_date as effective_date,
        -- By month, whole months: the running one is not earlier performance.
        {{ recognized_through(
            'segments',
            "(case when segments.recognition_method = 'ratable_monthly' then date_trunc('month', gates.opened_date)::date else gates.opened_date end - 1)",
            'steps'
        ) }} as amount_minor
    from {{ ref('int_contracts__gates') }} as gates
    inner join segments
        on
            gates.entity_id = segments.entity_id
            and gates.contract_id = segments.contract_id
            and gates.opened_date >= segments.in_force_from
            and gates.opened_date < coalesce(segments.until_date, 'infinity'::date)
    left join steps
        on
            segments.entity_id = steps.entity_id
            and segments.obligation_id = steps.obligation_id
            and gates.opened_date - 1 >= steps.step_date
            and gates.opened_date - 1 < coalesce(steps.until_date, 'infinity'::date)
    where gates.gate = 'collectability' and gates.closed_from_date = '-infinity'::date

),

pieces as (

    select
        entity_id,
        obligation_id,
        package_id,
        obligation_key,
        economic_date as effective_date,
        recognized_to_date_minor,
        recognized_before_minor,
        quantity,
        sum(quantity) over (
            partition by entity_id, contract_id, line_id order by economic_date
        ) as quantity_to_date
    from {{ ref('int_usage__rated') }}
    where component = 'piece'

),

repriced as (

    select
        pieces.entity_id,
        pieces.obligation_id,
        pieces.effective_date,
        pieces.package_id,
        pieces.obligation_key,
        round(
            pieces.recognized_to_date_minor * (pieces.quantity_to_date - pieces.quantity) / nullif(pieces.quantity_to_date, 0)
        ) - pieces.recognized_before_minor as difference_minor
    from pieces

),

everything as (

    select
        entity_id,
        package_id,
        obligation_key,
        effective_date,
        difference_minor - released_minor as amount_minor
    from compared
    union all
    select
        entity_id,
        package_id,
        obligation_key,
        effective_date,
        difference_minor as amount_minor
    from repriced
    union all
    select * from opened
    union all
    select
        credits.entity_id,
        credits.package_id,
        kinds.obligation_key,
        credits.effective_date,
        credits.price_change_minor as amount_minor
    from {{ ref('int_prices__credits') }} as credits
    inner join {{ ref('int_obligations__lines') }} as members
        on
            credits.entity_id = members.entity_id
            and credits.contract_id = members.contract_id
            and credits.contract_line_id = members.line_id
    inner join {{ ref('int_obligations__kinds') }} as kinds
        on members.entity_id = kinds.entity_id and members.obligation_id = kinds.obligation_id
    where
        kinds.is_priced_by_use
        and kinds.recognition_method = 'usage'
        and credits.price_change_minor <> 0

),

final as (

    select
        everything.entity_id,
        everything.package_id,
        everything.obligation_key,
        everything.effective_date,
        {{ period_of('everything.entity_id', 'everything.effective_date') }} as economic_period,
        (
            select array_agg(distinct changes.event_id order by changes.event_id)
            from {{ ref('int_contracts__changes') }} as changes
            where
                changes.entity_id = everything.entity_id
                and changes.package_id = everything.package_id
                and changes.in_force_from = everything.effective_date
        ) as event_ids,
        sum(everything.amount_minor)::bigint as amount_minor
    from everything
    group by everything.entity_id, everything.package_id, everything.obligation_key, everything.effective_date
    having sum(everything.amount_minor) <> 0

)

select * from final
