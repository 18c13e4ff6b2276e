-- Progress of obligations that facts move, as running totals: what was measured of what is expected.
--
-- Measures: units or stated price transferred, percentage or milestones reported, cost to date of expected
-- cost (materials not yet installed set aside, ASC 606-10-55-20, 55-21), units drawn of units expected to be
-- drawn (breakage in proportion, ASC 606-10-55-48) or of units bought. A lapsed right is wholly used.
-- Each row holds from step_date until the next one.

with

kinds as (

    select * from {{ ref('int_obligations__kinds') }}
    where not is_priced_by_use and coalesce(recognition_method, '') not in ('ratable_daily', 'ratable_monthly')

),

members as (

    select
        kinds.obligation_id,
        kinds.recognition_method as obligation_method,
        terms.*,
        changes.in_force_from
    from kinds
    inner join {{ ref('int_obligations__lines') }} as obligations
        on kinds.entity_id = obligations.entity_id and kinds.obligation_id = obligations.obligation_id
    inner join {{ ref('int_contracts__line_terms') }} as terms
        on
            obligations.entity_id = terms.entity_id
            and obligations.contract_id = terms.contract_id
            and obligations.line_id = terms.line_id
    inner join (
        select distinct
            entity_id,
            arrangement_id,
            version_no,
            in_force_from
        from {{ ref('int_contracts__changes') }}
    ) as changes
        on
            terms.entity_id = changes.entity_id
            and terms.arrangement_id = changes.arrangement_id
            and terms.version_no = changes.version_no

),

estimates as (

    select * from {{ ref('stg_canonical__estimate_events') }}

),

-- A corrected fulfilment replaces the one it corrects.
fulfilments as (

    select distinct on (entity_id, contract_id, line_id, fulfilment_id)
        entity_id,
        contract_id,
        line_id,
        fulfilment_id,
        fulfilled_date,
        -- Acceptance is of the whole line; a delivery may be of a part.
        case when event_type = 'fulfilment.accepted' then null else quantity end as quantity,
        amount_minor
    from {{ ref('stg_canonical__fulfilment_events') }}
    order by entity_id asc, contract_id asc, line_id asc, fulfilment_id asc, recorded_at desc, event_id asc

),

-- 1. Transfer of control.
transferable as (

    select
        members.*,
        bool_or(members.line_kind = 'good_or_service') over (partition by members.entity_id, members.obligation_id)
            as has_goods
    from members
    where members.obligation_method in ('point_in_time', 'usage') or members.obligation_method is null

),

transfer_dates as (

    select
        entity_id,
        obligation_id,
        in_force_from as step_date
    from transferable
    union
    select
        transferable.entity_id,
        transferable.obligation_id,
        fulfilments.fulfilled_date as step_date
    from transferable
    inner join fulfilments
        on
            transferable.entity_id = fulfilments.entity_id
            and transferable.contract_id = fulfilments.contract_id
            and transferable.line_id = fulfilments.line_id

),

-- Terms of each line on each of these days.
states as (

    select distinct on (transfer_dates.entity_id, transfer_dates.obligation_id, transfer_dates.step_date, transferable.line_id)
        transfer_dates.entity_id,
        transfer_dates.obligation_id,
        transfer_dates.step_date,
        transferable.contract_id,
        transferable.line_id,
        transferable.price_minor,
        transferable.quantity,
        transferable.is_removed
    from transfer_dates
    inner join transferable
        on
            transfer_dates.entity_id = transferable.entity_id
            and transfer_dates.obligation_id = transferable.obligation_id
            and transfer_dates.step_date >= transferable.in_force_from
            and (transferable.line_kind = 'good_or_service' or not transferable.has_goods)
    order by
        transfer_dates.entity_id asc, transfer_dates.obligation_id asc, transfer_dates.step_date asc, transferable.line_id asc,
        transferable.version_no desc

),

-- A whole line is what was promised of it on that day; what is added later is not delivered with it.
deliveries as (

    select distinct on (fulfilments.entity_id, fulfilments.contract_id, fulfilments.line_id, fulfilments.fulfilment_id)
        fulfilments.entity_id,
        fulfilments.contract_id,
        fulfilments.line_id,
        fulfilments.fulfilled_date,
        fulfilments.amount_minor,
        fulfilments.quantity is null and fulfilments.amount_minor is null as is_whole,
        coalesce(fulfilments.quantity, case when fulfilments.amount_minor is null then transferable.quantity end) as quantity
    from fulfilments
    inner join transferable
        on
            fulfilments.entity_id = transferable.entity_id
            and fulfilments.contract_id = transferable.contract_id
            and fulfilments.line_id = transferable.line_id
    order by
        fulfilments.entity_id asc, fulfilments.contract_id asc, fulfilments.line_id asc, fulfilments.fulfilment_id asc,
        (transferable.in_force_from <= fulfilments.fulfilled_date) desc,
        abs(transferable.in_force_from - fulfilments.fulfilled_date) asc, transferable.version_no desc

),

line_states as (

    select
        states.entity_id,
        states.obligation_id,
        states.step_date,
        states.line_id,
        states.price_minor,
        states.quantity as promised,
        bool_or(deliveries.is_whole) as is_whole,
        case when sum(deliveries.quantity) is not null then least(sum(deliveries.quantity), states.quantity) end as delivered,
        sum(deliveries.amount_minor) as amount_minor
    from states
    left join deliveries
        on
            states.entity_id = deliveries.entity_id
            and states.contract_id = deliveries.contract_id
            and states.line_id = deliveries.line_id
            and states.step_date >= deliveries.fulfilled_date
    where not states.is_removed
    group by
        states.entity_id, states.obligation_id, states.step_date, states.line_id, states.price_minor, states.quantity

),

transferred as (

    select
        entity_id,
        obligation_id,
        step_date,
        case
            when bool_or(amount_minor is not null)
                then sum(case when is_whole then price_minor else coalesce(amount_minor, 0) end)
            when count(*) = count(promised)
                then sum(coalesce(delivered, 0))
            when bool_and(coalesce(is_whole, false) or coalesce(delivered >= coalesce(promised, 1), false)) then 1
            else 0
        end::numeric as measure,
        case
            when bool_or(amount_minor is not null) then sum(price_minor)
            when count(*) = count(promised) then sum(promised)
            else 1
        end::numeric as total
    from line_states
    group by entity_id, obligation_id, step_date

),

-- 2. Reported progress: percentage, milestones, costs.
reports as (

    select
        kinds.entity_id,
        kinds.obligation_id,
        kinds.progress_measure,
        kinds.expected_costs_minor as first_expected_minor,
        estimates.effective_date as step_date,
        estimates.recorded_at,
        estimates.event_id,
        estimates.percent_complete,
        estimates.costs_to_date_minor,
        estimates.expected_costs_minor,
        estimates.uninstalled_costs_minor
    from kinds
    inner join {{ ref('int_obligations__lines') }} as obligations
        on kinds.entity_id = obligations.entity_id and kinds.obligation_id = obligations.obligation_id
    inner join estimates
        on
            obligations.entity_id = estimates.entity_id
            and obligations.contract_id = estimates.contract_id
            and obligations.line_id = estimates.line_id
            and estimates.event_type = 'progress.reported'
    where kinds.recognition_method in ('percent_complete', 'milestone')
    union all
    -- A change of the contract may bring a new estimate of total cost.
    select
        kinds.entity_id,
        kinds.obligation_id,
        kinds.progress_measure,
        kinds.expected_costs_minor as first_expected_minor,
        changes.in_force_from as step_date,
        events.recorded_at,
        events.event_id,
        null::numeric as percent_complete,
        null::bigint as costs_to_date_minor,
        events.expected_costs_minor,
        null::bigint as uninstalled_costs_minor
    from kinds
    inner join {{ ref('stg_canonical__contract_events') }} as events
        on kinds.entity_id = events.entity_id and kinds.contract_id = events.contract_id
    inner join {{ ref('int_contracts__changes') }} as changes on events.event_id = changes.event_id
    where
        kinds.recognition_method in ('percent_complete', 'milestone')
        and kinds.progress_measure = 'cost_to_cost'
        and events.expected_costs_minor is not null

),

reported_to_date as (

    select
        *,
        count(costs_to_date_minor) over in_order as cost_reports,
        count(percent_complete) over in_order as percent_reports,
        array_agg(expected_costs_minor) filter (where expected_costs_minor is not null) over in_order as expectations,
        array_agg(costs_to_date_minor) filter (where costs_to_date_minor is not null) over in_order as costs,
        array_agg(coalesce(uninstalled_costs_minor, 0)) filter (where costs_to_date_minor is not null) over in_order
            as uninstalled,
        array_agg(percent_complete) filter (where percent_complete is not null) over in_order as percents,
        row_number() over (
            partition by entity_id, obligation_id, step_date order by recorded_at desc, event_id desc
        ) as from_last
    from reports
    window in_order as (
        partition by entity_id, obligation_id order by step_date, recorded_at, event_id
        rows between unbounded preceding and current row
    )

),

reported as (

    select
        entity_id,
        obligation_id,
        step_date,
        case
            when cost_reports > 0 then costs[cost_reports] - uninstalled[cost_reports]
            when percent_reports > 0 then percents[percent_reports]
            else 0
        end::numeric as measure,
        case
            when cost_reports > 0
                then
                    coalesce(expectations[cardinality(expectations)], first_expected_minor, costs[cost_reports])
                    - uninstalled[cost_reports]
            else 100
        end::numeric as total,
        case when cost_reports > 0 then uninstalled[cost_reports] else 0 end::bigint as set_aside_minor
    from reported_to_date
    where from_last = 1

),

-- 3. Prepaid units.
prepaid as (

    select distinct on (entity_id, obligation_id, line_id)
        entity_id,
        obligation_id,
        contract_id,
        line_id,
        in_force_from,
        min(line_id) over by_obligation <> max(line_id) over by_obligation as is_one_of_several,
        case when breakage = 'at_expiry' then units_purchased else coalesce(expected_units, units_purchased) end as expected_units,
        breakage = 'at_expiry' as is_broken_at_expiry
    from members
    where obligation_method = 'prepaid_drawdown' and units_purchased is not null
    window by_obligation as (partition by entity_id, obligation_id)
    order by entity_id asc, obligation_id asc, line_id asc, version_no asc

),

drawn as (

    select
        prepaid.entity_id,
        prepaid.obligation_id,
        prepaid.line_id,
        usage_rows.usage_date as step_date,
        sum(usage_rows.quantity) as quantity,
        null::numeric as expected_units,
        false as is_lapsed
    from prepaid
    inner join {{ ref('int_usage__entitled') }} as usage_rows
        on
            prepaid.entity_id = usage_rows.entity_id
            and prepaid.contract_id = usage_rows.contract_id
            and prepaid.line_id = usage_rows.line_id
            and usage_rows.is_entitled
    group by prepaid.entity_id, prepaid.obligation_id, prepaid.line_id, usage_rows.usage_date
    union all
    select
        prepaid.entity_id,
        prepaid.obligation_id,
        prepaid.line_id,
        estimates.effective_date as step_date,
        0 as quantity,
        max(case when not coalesce(prepaid.is_broken_at_expiry, false) then estimates.expected_units end) as expected_units,
        bool_or(estimates.event_type = 'right.lapsed') as is_lapsed
    from prepaid
    inner join estimates
        on
            prepaid.entity_id = estimates.entity_id
            and prepaid.contract_id = estimates.contract_id
            and (
                (estimates.event_type = 'estimate.breakage' and prepaid.line_id = estimates.line_id)
                or (
                    estimates.event_type = 'right.lapsed'
                    and estimates.lapsed_right in ('prepaid_units', 'option')
                    and coalesce(estimates.line_id, prepaid.line_id) = prepaid.line_id
                )
            )
    group by prepaid.entity_id, prepaid.obligation_id, prepaid.line_id, estimates.effective_date
    union all
    -- Of several lines each counts from its own day: units bought later add to what is left.
    select
        entity_id,
        obligation_id,
        line_id,
        in_force_from as step_date,
        0 as quantity,
        null::numeric as expected_units,
        false as is_lapsed
    from prepaid
    where is_one_of_several

),

-- What each line brings to the units drawn and expected, day by day; of units that lapse nothing more is drawn.
drawn_by_line as (

    select
        entity_id,
        obligation_id,
        line_id,
        step_date,
        quantity,
        case when row_number() over by_line = 1 then 1 else 0 end as line_change,
        expected_now - lag(expected_now, 1, 0::numeric) over by_line as expected_change,
        case when is_lapsed_now then drawn_now else expected_now end
        - lag(case when is_lapsed_now then drawn_now else expected_now end, 1, 0::numeric) over by_line as live_change,
        is_lapsed_now::integer - lag(is_lapsed_now::integer, 1, 0) over by_line as lapsed_change
    from (
        select
            drawn.*,
            sum(drawn.quantity) over in_order as drawn_now,
            bool_or(drawn.is_lapsed) over in_order as is_lapsed_now,
            coalesce(
                (array_agg(drawn.expected_units) filter (where drawn.expected_units is not null) over in_order)[
                    count(drawn.expected_units) over in_order
                ],
                prepaid.expected_units,
                0
            ) as expected_now
        from (
            select
                entity_id,
                obligation_id,
                line_id,
                step_date,
                sum(quantity) as quantity,
                max(expected_units) as expected_units,
                bool_or(is_lapsed) as is_lapsed
            from drawn
            group by entity_id, obligation_id, line_id, step_date
        ) as drawn
        inner join prepaid
            on
                drawn.entity_id = prepaid.entity_id
                and drawn.obligation_id = prepaid.obligation_id
                and drawn.line_id = prepaid.line_id
        window in_order as (
            partition by drawn.entity_id, drawn.obligation_id, drawn.line_id order by drawn.step_date
            rows between unbounded preceding and current row
        )
    ) as by_day
    window by_line as (partition by entity_id, obligation_id, line_id order by step_date)

),

drawn_to_date as (

    select
        entity_id,
        obligation_id,
        step_date,
        sum(sum(quantity)) over in_order as drawn_units,
        sum(sum(lapsed_change)) over in_order = sum(sum(line_change)) over in_order as is_lapsed,
        sum(sum(expected_change)) over in_order as expected_units,
        sum(sum(live_change)) over in_order as live_units
    from drawn_by_line
    group by entity_id, obligation_id, step_date
    window in_order as (
        partition by entity_id, obligation_id order by step_date
        rows between unbounded preceding and current row
    )

),

-- 4. Options that lapse.
option_lapses as (

    select
        kinds.entity_id,
        kinds.obligation_id,
        min(estimates.effective_date) as step_date
    from kinds
    inner join {{ ref('int_obligations__lines') }} as obligations
        on
            kinds.entity_id = obligations.entity_id
            and kinds.obligation_id = obligations.obligation_id
            and obligations.line_kind = 'option'
    inner join estimates
        on
            obligations.entity_id = estimates.entity_id
            and obligations.contract_id = estimates.contract_id
            and estimates.event_type = 'right.lapsed'
            and estimates.lapsed_right = 'option'
            and coalesce(estimates.line_id, obligations.line_id) = obligations.line_id
    where kinds.line_kind = 'option' and coalesce(kinds.recognition_method, 'point_in_time') = 'point_in_time'
    group by kinds.entity_id, kinds.obligation_id

),

-- 5. Renewals treated as part of the contract: each period weighs its probable cost, its months weigh alike.
renewal_terms as (

    select
        kinds.entity_id,
        kinds.obligation_id,
        min(terms.service_start_date) filter (where terms.line_kind = 'good_or_service') as start_date,
        max(
            {{ month_index('(terms.service_end_date + 1)') }} - {{ month_index('terms.service_start_date') }}
        ) filter (where terms.line_kind = 'good_or_service') as term_months,
        max(terms.renewal_probabilities) as probabilities,
        max(terms.renewal_costs_minor) as costs
    from kinds
    inner join {{ ref('int_obligations__lines') }} as obligations
        on kinds.entity_id = obligations.entity_id and kinds.obligation_id = obligations.obligation_id
    inner join {{ ref('int_contracts__line_terms') }} as terms
        on
            obligations.entity_id = terms.entity_id
            and obligations.contract_id = terms.contract_id
            and obligations.line_id = terms.line_id
    where kinds.recognition_method = 'expected_cost' and terms.line_action in ('stated', 'added')
    group by kinds.entity_id, kinds.obligation_id

),

renewal_months as (

    select
        renewal_terms.entity_id,
        renewal_terms.obligation_id,
        months.period_end_date as step_date,
        sum(
            periods.probability * periods.cost
            * least(greatest(
                {{ month_index('months.period_end_date') }} - {{ month_index('renewal_terms.start_date') }} + 1
                - (periods.place - 1) * renewal_terms.term_months, 0
            ), renewal_terms.term_months) / renewal_terms.term_months
        ) as measure,
        sum(periods.probability * periods.cost) as total
    from renewal_terms
    inner join {{ ref('int_periods__calendar') }} as months
        on
            renewal_terms.entity_id = months.entity_id
            and renewal_terms.start_date <= months.period_end_date
            and {{ month_index('months.period_end_date') }}
            < {{ month_index('renewal_terms.start_date') }} + renewal_terms.term_months * cardinality(renewal_terms.costs)
    cross join lateral unnest(renewal_terms.probabilities, renewal_terms.costs) with ordinality as periods (probability, cost, place)
    group by renewal_terms.entity_id, renewal_terms.obligation_id, months.period_end_date

),

everything as (

    select
        transferred.entity_id,
        transferred.obligation_id,
        transferred.step_date,
        case when transferred.step_date >= option_lapses.step_date then transferred.total else transferred.measure end as measure,
        transferred.total,
        0::bigint as set_aside_minor
    from transferred
    left join option_lapses
        on transferred.entity_id = option_lapses.entity_id and transferred.obligation_id = option_lapses.obligation_id
    union all
    select
        option_lapses.entity_id,
        option_lapses.obligation_id,
        option_lapses.step_date,
        1 as measure,
        1 as total,
        0::bigint as set_aside_minor
    from option_lapses
    where
        not exists (
            select 1
            from transferred
            where
                transferred.entity_id = option_lapses.entity_id
                and transferred.obligation_id = option_lapses.obligation_id
                and transferred.step_date = option_lapses.step_date
        )
    union all
    select
        entity_id,
        obligation_id,
        step_date,
        measure,
        total,
        0::bigint as set_aside_minor
    from renewal_months
    union all
    select * from reported
    union all
    select
        entity_id,
        obligation_id,
        step_date,
        case when is_lapsed then expected_units else least(drawn_units, live_units) end as measure,
        case when is_lapsed then expected_units else live_units end as total,
        0::bigint as set_aside_minor
    from drawn_to_date

),

final as (

    select
        entity_id,
        obligation_id,
        step_date,
        lead(step_date) over (partition by entity_id, obligation_id order by step_date) as until_date,
        trim_scale(measure) as measure,
        trim_scale(total) as total,
        set_aside_minor
    from everything

)

select * from final
