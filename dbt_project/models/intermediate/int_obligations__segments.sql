-- Closed-form segments: what a reader needs to compute revenue through any day.
--
-- From in_force_from until until_date, revenue through day u = base_minor + round(price_minor x progress(u));
-- progress is that of the window, or of int_progress__steps beyond measure_before. A later version takes
-- over on its day. No schedule is stored exploded (docs/architecture.md).

with

allocated as not materialized (

    select * from {{ ref('int_prices__allocated') }}

),

-- What came before and what follows, where the price was set more than once.
followed as (

    select
        *,
        -- First day of the next segment: the window of this one ends before it.
        min(segment_date) over (
            partition by entity_id, obligation_id order by segment_no range between 1 following and unbounded following
        ) as next_segment_date,
        sum(released_minor) over (partition by entity_id, obligation_id order by version_no) as released_to_date_minor
    from allocated
    where is_only is not true
    union all
    select
        *,
        null::date as next_segment_date,
        released_minor as released_to_date_minor
    from allocated
    where is_only

),

versions as (

    select
        obligation_id || ':' || version_no as segment_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        version_no as contract_version,
        1 as term_no,
        obligation_id,
        obligation_key,
        currency_code,
        recognition_method,
        revenue_role,
        rounding_unit_minor,
        progress_rounding,
        unit_price_rounding_minor,
        in_force_from,
        next_in_force_from as until_date,
        effective_date,
        window_start_date,
        window_end_date,
        measure_before,
        segment_no,
        next_segment_date as cut_date,
        price_mode,
        is_over,
        version_no > first_version_no as is_later,
        base_minor,
        pool_minor + own_minor as price_minor,
        allocated_minor,
        released_to_date_minor::bigint as released_to_date_minor,
        null::date as ends_before_date
    from followed

),

terms as (

    select
        priced.obligation_id || ':' || priced.version_no || ':' || priced.term_no as segment_id,
        priced.entity_id,
        priced.performing_entity_id,
        priced.arrangement_id,
        priced.package_id,
        priced.contract_id,
        priced.version_no as contract_version,
        priced.term_no,
        priced.obligation_id,
        priced.obligation_key,
        priced.currency_code,
        priced.recognition_method,
        priced.revenue_role,
        priced.rounding_unit_minor,
        null::numeric as progress_rounding,
        null::numeric as unit_price_rounding_minor,
        priced.window_start_date as in_force_from,
        coalesce(
            priced.cut_date,
            lead(priced.window_start_date) over (partition by priced.entity_id, priced.obligation_id order by priced.version_no, priced.term_no)
        ) as until_date,
        lead(priced.window_start_date) over (
            partition by priced.entity_id, priced.obligation_id order by priced.version_no, priced.term_no
        ) as next_start_date,
        priced.window_start_date as effective_date,
        priced.window_start_date,
        priced.window_end_date,
        0::numeric as measure_before,
        priced.term_no as segment_no,
        'start' as price_mode,
        false as is_over,
        false as is_later,
        priced.allocated_minor,
        priced.cut_date,
        case
            when priced.cut_date is null then priced.allocated_minor
            else {{ earned_through('priced.allocated_minor', '(priced.cut_date - 1)', 'priced') }}
        end as earned_minor
    from {{ ref('int_prices__terms') }} as priced

),

-- Each term starts on top of what the terms before it earned. A term that is cut runs by its own window until
-- then, so no month before the cut moves.
stacked_terms as (

    select
        *,
        (sum(earned_minor) over up_to_here - earned_minor)::bigint as base_minor,
        (sum(earned_minor) over up_to_here)::bigint as earned_to_date_minor
    from terms
    window up_to_here as (partition by entity_id, obligation_id order by contract_version, term_no)

),

-- After a cut nothing more is earned: what was earned stands until the next term.
term_segments as (

    select
        segment_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        contract_version,
        term_no,
        obligation_id,
        obligation_key,
        currency_code,
        recognition_method,
        revenue_role,
        rounding_unit_minor,
        progress_rounding,
        unit_price_rounding_minor,
        in_force_from,
        until_date,
        effective_date,
        window_start_date,
        window_end_date,
        measure_before,
        segment_no,
        cut_date,
        price_mode,
        is_over,
        is_later,
        base_minor,
        allocated_minor as price_minor,
        earned_to_date_minor as allocated_minor,
        0::bigint as released_to_date_minor,
        cut_date as ends_before_date
    from stacked_terms
    union all
    select
        segment_id || ':cut' as segment_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        contract_version,
        term_no + 1 as term_no,
        obligation_id,
        obligation_key,
        currency_code,
        recognition_method,
        revenue_role,
        rounding_unit_minor,
        progress_rounding,
        unit_price_rounding_minor,
        cut_date as in_force_from,
        next_start_date as until_date,
        cut_date as effective_date,
        cut_date as window_start_date,
        cut_date - 1 as window_end_date,
        measure_before,
        segment_no + 1 as segment_no,
        null::date as cut_date,
        price_mode,
        is_over,
        is_later,
        earned_to_date_minor as base_minor,
        0::bigint as price_minor,
        earned_to_date_minor as allocated_minor,
        0::bigint as released_to_date_minor,
        cut_date as ends_before_date
    from stacked_terms
    where cut_date is not null and cut_date < coalesce(next_start_date, 'infinity'::date)

),

final as (

    select * from versions
    union all
    select * from term_segments

)

select * from final
