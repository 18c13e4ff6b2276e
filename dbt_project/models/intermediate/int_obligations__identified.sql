-- Every obligation under every version of its arrangement: what it promises, over which window, how far it
-- has come when the next version takes effect, and what the rest of it weighs.
--
-- A segment is a stretch of versions without a rounding point. A prospective change starts a new one for
-- what it re-prices (ASC 606-10-25-13a); an estimate, a credit or a catch-up changes the price of the
-- running one (25-13b, 32-42 to 32-45). weight is the standalone price of what remains from the version's
-- effective date on (32-31); what was transferred before weighs nothing.

{% set placed_columns = [
    'kinds.entity_id', 'kinds.arrangement_id', 'kinds.package_id', 'kinds.contract_id', 'kinds.obligation_key',
    'kinds.currency_code', 'kinds.place', 'kinds.recognition_method', 'kinds.revenue_role', 'kinds.performing_entity_id',
    'kinds.rounding_unit_minor', 'kinds.proration', 'coalesce(versions.is_only, false) as is_only',
    'versions.effective_date', 'versions.in_force_from', 'versions.next_effective_date', 'versions.next_in_force_from',
    'versions.treatment', 'versions.change_kind', 'versions.contract_id as changed_contract_id',
    'coalesce(grid.is_touched, false) as is_touched', 'coalesce(grid.is_changed, false) as is_changed',
    'coalesce(grid.is_residual, false) as is_residual', 'coalesce(grid.is_removed, true) as is_removed',
    'grid.residual_low_minor', 'grid.residual_high_minor', 'coalesce(grid.amount_minor, 0) as amount_minor',
    'coalesce(grid.stated_weight, 0) as stated_weight', 'coalesce(grid.whole_weight, 0) as whole_weight',
    'grid.service_start_date as stated_start_date', 'grid.service_end_date as stated_end_date', 'grid.months',
    'grid.first_term_start_date', 'grid.first_term_end_date', 'grid.renewals', 'grid.terms_end_date',
] %}

{% set identified_columns = [
    'entity_id', 'arrangement_id', 'package_id', 'contract_id', 'version_no', 'is_only', 'effective_date', 'in_force_from',
    'next_effective_date', 'next_in_force_from', 'treatment', 'change_kind', 'changed_contract_id', 'obligation_id',
    'obligation_key', 'currency_code', 'place', 'recognition_method', 'revenue_role', 'performing_entity_id',
    'rounding_unit_minor', 'progress_rounding', 'unit_price_rounding_minor', 'first_version_no', 'pool_no', 'is_touched',
    'is_changed', 'is_residual', 'residual_low_minor', 'residual_high_minor', 'is_over', 'is_restarted', 'is_credited_ahead',
    'amount_minor', 'segment_no', 'segment_date', 'window_start_date', 'window_end_date', 'measure_before',
    'set_aside_minor', 'progress_numerator', 'progress_denominator',
] %}

with

changes as not materialized (

    select * from {{ ref('int_contracts__changes') }}

),

events as not materialized (

    select * from {{ ref('stg_canonical__contract_events') }}

),

versions as not materialized (

    select * from {{ ref('int_contracts__versions') }}

),

-- Contracts that a version ends: the terminated one, or those that a renewal cuts short.
endings as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.contract_id,
        changes.version_no
    from changes
    where changes.change_kind = 'termination'
    union all
    select
        changes.entity_id,
        changes.arrangement_id,
        events.replaces_contract_id as contract_id,
        changes.version_no
    from changes
    inner join events on changes.event_id = events.event_id
    where changes.change_kind = 'renewal'

),

-- A price credit for part of the future names the obligation whose window it re-prices.
ahead as (

    select distinct
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        credits.contract_id || ':' || credits.obligation_key as obligation_id
    from changes
    inner join {{ ref('int_prices__credits') }} as credits on changes.event_id = credits.event_id
    where credits.treatment = 'credit_ahead' and credits.price_change_minor <> 0

),

-- The option whose use a version records hands on what was deferred for it.
exercised as (

    select distinct
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        obligations.obligation_id
    from changes
    inner join events on changes.event_id = events.event_id
    inner join {{ ref('int_obligations__lines') }} as obligations
        on
            changes.entity_id = obligations.entity_id
            and changes.contract_id = obligations.contract_id
            and events.exercised_line_id = obligations.line_id
    where changes.treatment = 'option'

),

-- Versions on whose last day the arrangement may not recognise.
gated as (

    select distinct
        versions.entity_id,
        versions.arrangement_id,
        versions.version_no
    from versions
    inner join {{ ref('int_contracts__gates') }} as gates
        on
            versions.entity_id = gates.entity_id
            and versions.arrangement_id = gates.arrangement_id
            and versions.next_effective_date - 1 >= gates.closed_from_date
            and versions.next_effective_date - 1 < coalesce(gates.opened_date, 'infinity'::date)

),

firsts as (

    select
        grid.entity_id,
        grid.obligation_id,
        min(grid.version_no) as first_version_no,
        min(case when versions.treatment = 'separate_contract' then versions.version_no else 0 end) as pool_no
    from {{ ref('int_obligations__promised') }} as grid
    inner join versions
        on
            grid.entity_id = versions.entity_id
            and grid.arrangement_id = versions.arrangement_id
            and grid.version_no = versions.version_no
    where grid.first_version_no = grid.version_no and versions.is_only is not true
    group by grid.entity_id, grid.obligation_id

),

-- Every obligation under every version of its arrangement; most have one. Evergreen, quarantined and use-priced
-- obligations promise nothing here.
placed as (

    select
        kinds.obligation_id,
        versions.version_no,
        versions.version_no as first_version_no,
        case when versions.treatment = 'separate_contract' then versions.version_no else 0 end as pool_no,
        versions.effective_date as first_effective_date,
        {{ placed_columns | join(',\n        ') }}
    from {{ ref('int_obligations__promised') }} as grid
    inner join versions
        on
            grid.entity_id = versions.entity_id
            and grid.arrangement_id = versions.arrangement_id
            and grid.version_no = versions.version_no
    inner join {{ ref('int_obligations__kinds') }} as kinds
        on grid.entity_id = kinds.entity_id and grid.obligation_id = kinds.obligation_id
    where versions.is_only
    union all
    select
        kinds.obligation_id,
        versions.version_no,
        firsts.first_version_no,
        firsts.pool_no,
        starts.effective_date as first_effective_date,
        {{ placed_columns | join(',\n        ') }}
    from {{ ref('int_obligations__kinds') }} as kinds
    inner join versions
        on kinds.entity_id = versions.entity_id and kinds.arrangement_id = versions.arrangement_id
    inner join firsts
        on kinds.entity_id = firsts.entity_id and kinds.obligation_id = firsts.obligation_id
    inner join versions as starts
        on
            kinds.entity_id = starts.entity_id
            and kinds.arrangement_id = starts.arrangement_id
            and firsts.first_version_no = starts.version_no
    left join {{ ref('int_obligations__promised') }} as grid
        on
            kinds.entity_id = grid.entity_id
            and kinds.obligation_id = grid.obligation_id
            and versions.version_no = grid.version_no
    where versions.is_only is not true

),

windows as not materialized (

    select
        placed.*,
        policies.progress_rounding,
        policies.unit_price_rounding_minor,
        placed.is_removed or endings.version_no is not null as is_over,
        ahead.obligation_id is not null as is_credited_ahead,
        exercised.obligation_id is not null as is_exercised,
        case
            when placed.proration = 'full_started_months' and placed.recognition_method = 'ratable_monthly'
                then date_trunc('month', placed.stated_start_date)::date
            when placed.recognition_method in ('ratable_daily', 'ratable_monthly')
                then coalesce(placed.stated_start_date, placed.first_effective_date)
        end as service_start_date,
        case
            when placed.recognition_method not in ('ratable_daily', 'ratable_monthly') then null
            when placed.proration = 'full_started_months' and placed.recognition_method = 'ratable_monthly' and placed.months is not null
                then (date_trunc('month', placed.stated_start_date) + make_interval(months => placed.months::integer) - interval '1 day')::date
            -- Renewals that are expected and treated as part of the contract lengthen the service.
            when placed.renewals > 0
                then
                    greatest(
                        placed.stated_end_date,
                        (placed.first_term_end_date + 1 + make_interval(months => (
                            placed.renewals * (
                                {{ month_index('(placed.first_term_end_date + 1)') }}
                                - {{ month_index('placed.first_term_start_date') }}
                            )
                        )::integer))::date - 1
                    )
            else placed.stated_end_date
        end as service_end_date
    from placed
    inner join {{ ref('int_policies__in_force') }} as policies
        on
            placed.entity_id = policies.entity_id
            and placed.effective_date >= policies.effective_from
            and placed.effective_date < coalesce(policies.effective_until, 'infinity'::date)
    left join endings
        on
            placed.entity_id = endings.entity_id
            and placed.contract_id = endings.contract_id
            and placed.version_no >= endings.version_no
    left join ahead
        on
            placed.entity_id = ahead.entity_id
            and placed.obligation_id = ahead.obligation_id
            and placed.version_no = ahead.version_no
    left join exercised
        on
            placed.entity_id = exercised.entity_id
            and placed.obligation_id = exercised.obligation_id
            and placed.version_no = exercised.version_no

),

scoped as (

    select
        *,
        case
            when version_no < first_version_no then false
            when version_no = first_version_no then true
            when treatment = 'prospective'
                then
                    bool_or(is_changed) over (partition by entity_id, arrangement_id, version_no, pool_no)
                    -- A change of what was added as a contract of its own leaves the rest alone.
                    or (
                        pool_no = 0
                        and (
                            bool_or(is_touched and pool_no = 0) over (partition by entity_id, arrangement_id, version_no)
                            or not bool_or(is_changed) over (partition by entity_id, arrangement_id, version_no)
                        )
                    )
            when treatment = 'termination' then contract_id = changed_contract_id
            when treatment = 'option' then is_touched or is_exercised
            else is_credited_ahead
        end as is_restarted
    from windows
    where not is_only

),

segmented as (

    select
        *,
        max(case when is_restarted then version_no end) over (
            partition by entity_id, obligation_id order by version_no
        ) as segment_no,
        max(case when is_restarted then effective_date end) over (
            partition by entity_id, obligation_id order by version_no
        ) as segment_date
    from scoped

),

bounded as (

    select
        *,
        case
            when segment_no > first_version_no then greatest(service_start_date, segment_date)
            else service_start_date
        end as window_start_date,
        service_end_date as window_end_date
    from segmented

),

measured as (

    select
        bounded.*,
        coalesce(before.measure, 0) as measure_before,
        -- How far the segment has come on the day before the next version.
        through.measure as measure_through,
        through.total as total_through,
        coalesce(through.set_aside_minor, 0) as set_aside_minor,
        -- How far the whole obligation had come when this version took effect.
        here.measure as measure_here,
        here.total as total_here,
        gated.version_no is not null as is_gated_through,
        -- How far it had come on the day before this version.
        coalesce(earlier.measure, 0) as measure_before_here
    from bounded
    left join {{ ref('int_progress__steps') }} as before
        on
            bounded.entity_id = before.entity_id
            and bounded.obligation_id = before.obligation_id
            and bounded.segment_no > bounded.first_version_no
            and bounded.segment_date - 1 >= before.step_date
            and bounded.segment_date - 1 < coalesce(before.until_date, 'infinity'::date)
    left join {{ ref('int_progress__steps') }} as through
        on
            bounded.entity_id = through.entity_id
            and bounded.obligation_id = through.obligation_id
            and bounded.next_effective_date - 1 >= through.step_date
            and bounded.next_effective_date - 1 < coalesce(through.until_date, 'infinity'::date)
    left join {{ ref('int_progress__steps') }} as here
        on
            bounded.entity_id = here.entity_id
            and bounded.obligation_id = here.obligation_id
            and bounded.in_force_from >= here.step_date
            and bounded.in_force_from < coalesce(here.until_date, 'infinity'::date)
    left join {{ ref('int_progress__steps') }} as earlier
        on
            bounded.entity_id = earlier.entity_id
            and bounded.obligation_id = earlier.obligation_id
            and bounded.effective_date - 1 >= earlier.step_date
            and bounded.effective_date - 1 < coalesce(earlier.until_date, 'infinity'::date)
    left join gated
        on
            bounded.entity_id = gated.entity_id
            and bounded.arrangement_id = gated.arrangement_id
            and bounded.version_no = gated.version_no

),

weighed as (

    select
        measured.*,
        case
            when measured.is_over or measured.version_no < measured.first_version_no then 0
            when measured.treatment = 'option' and measured.is_exercised and not measured.is_touched then 0
            -- Satisfied before the change: nothing is left of it.
            when
                measured.version_no > measured.first_version_no
                and measured.recognition_method in ('ratable_daily', 'ratable_monthly')
                and measured.service_end_date < measured.effective_date then 0
            when
                measured.version_no > measured.first_version_no
                and measured.recognition_method not in ('ratable_daily', 'ratable_monthly')
                and measured.measure_before_here >= measured.total_here then 0
            else
                measured.stated_weight + case
                    when measured.whole_weight = 0 then 0
                    -- An option that is not used yet has no days.
                    when
                        measured.recognition_method in ('ratable_daily', 'ratable_monthly')
                        and (measured.service_start_date is null or measured.whole_end_date is null) then measured.whole_weight
                    -- By the measure of the obligation itself: months where it is earned by month.
                    when measured.recognition_method = 'ratable_monthly'
                        then
                            measured.whole_weight * {{ months_between(
                                'greatest(measured.service_start_date, measured.effective_date)', 'measured.service_end_date'
                            ) }}
                            / {{ months_between('measured.service_start_date', 'measured.whole_end_date') }}
                    when measured.recognition_method = 'ratable_daily'
                        then
                            measured.whole_weight * (
                                measured.service_end_date - greatest(measured.service_start_date, measured.effective_date) + 1
                            )
                            / (measured.whole_end_date - measured.service_start_date + 1)::numeric
                    when measured.total_here > 0
                        then measured.whole_weight * greatest(measured.total_here - measured.measure_before_here, 0) / measured.total_here
                    else measured.whole_weight
                end
        end as weight
    from (
        select
            measured.*,
            case
                when measured.proration = 'full_started_months' and measured.recognition_method = 'ratable_monthly' then measured.service_end_date
                else coalesce(measured.terms_end_date, measured.service_end_date)
            end as whole_end_date
        from measured
    ) as measured

),

-- A change that finds everything delivered is one of the price alone: it is shared as at inception
-- (ASC 606-10-32-43).
spent as (

    select
        *,
        max(case when version_no = first_version_no then weight end) over (partition by entity_id, obligation_id) as first_weight,
        treatment = 'prospective'
        and sum(case when is_restarted then weight else 0 end) over (partition by entity_id, arrangement_id, version_no) = 0
            as is_nothing_left
    from weighed

),

-- An obligation that never changes is one segment from its first day on.
unchanged as (

    select
        *,
        true as is_restarted,
        case when is_over then 0 else stated_weight end as weight,
        version_no as segment_no,
        effective_date as segment_date,
        service_start_date as window_start_date,
        service_end_date as window_end_date,
        0::numeric as measure_before,
        0::bigint as set_aside_minor,
        0::numeric as progress_numerator,
        1::numeric as progress_denominator
    from windows
    where is_only

),

changing as (

    select
        *,
        {{ progress_numerator(
            'spent', '(spent.next_effective_date - 1)', 'spent.measure_through', 'spent.total_through',
            'spent.measure_before', 'spent.is_gated_through'
        ) }}
            as progress_numerator,
        {{ progress_denominator(
            'spent', '(spent.next_effective_date - 1)', 'spent.measure_through', 'spent.total_through',
            'spent.measure_before', 'spent.is_gated_through'
        ) }}
            as progress_denominator
    from spent

),

final as (

    select
        {{ identified_columns | join(',\n        ') }},
        trim_scale(weight) as weight
    from unchanged
    union all
    select
        {{ identified_columns | join(',\n        ') }},
        trim_scale(case when is_nothing_left and not is_over then first_weight else weight end) as weight
    from changing

)

select * from final
