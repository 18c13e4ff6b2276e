-- Closed-form segments: what a reader needs to compute revenue through any day.
--
-- From in_force_from until until_date, revenue through day u = base_minor + round(price_minor x progress(u));
-- progress is that of the window, or of int_progress__steps beyond measure_before. A later version takes
-- over on its day. No schedule is stored exploded (docs/architecture.md).

with

allocated as (

    select * from {{ ref('int_prices__allocated') }}

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
        -- First day of the next segment: the window of this one ends before it.
        min(segment_date) over (
            partition by entity_id, obligation_id order by segment_no range between 1 following and unbounded following
        ) as cut_date,
        price_mode,
        is_over,
        version_no > first_version_no as is_later,
        base_minor,
        pool_minor + own_minor as price_minor,
        allocated_minor,
        (sum(released_minor) over (
            partition by entity_id, obligation_id order by version_no
        ))::bigint as released_to_date_minor
    from allocated

),

terms as (

    select
        obligation_id || ':' || version_no || ':' || term_no as segment_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        version_no as contract_version,
        term_no,
        obligation_id,
        obligation_key,
        currency_code,
        recognition_method,
        revenue_role,
        rounding_unit_minor,
        null::numeric as progress_rounding,
        null::numeric as unit_price_rounding_minor,
        window_start_date as in_force_from,
        lead(window_start_date) over (
            partition by entity_id, obligation_id order by version_no, term_no
        ) as until_date,
        window_start_date as effective_date,
        window_start_date,
        window_end_date,
        0::numeric as measure_before,
        term_no as segment_no,
        'start' as price_mode,
        false as is_over,
        false as is_later,
        allocated_minor,
        cut_date,
        case
            when cut_date is null then allocated_minor
            else {{ earned_through('allocated_minor', '(cut_date - 1)', 'priced') }}
        end as price_minor
    from {{ ref('int_prices__terms') }} as priced

),

-- A term that is cut keeps what it earned; the next one starts on top of it.
stacked_terms as (

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
        coalesce(cut_date - 1, window_end_date) as window_end_date,
        measure_before,
        segment_no,
        cut_date,
        price_mode,
        is_over,
        is_later,
        (sum(price_minor) over (
            partition by entity_id, obligation_id order by contract_version, term_no
        ) - price_minor)::bigint as base_minor,
        price_minor::bigint as price_minor,
        (sum(price_minor) over (
            partition by entity_id, obligation_id order by contract_version, term_no
        ))::bigint as allocated_minor,
        0::bigint as released_to_date_minor
    from terms

),

final as (

    select * from versions
    union all
    select * from stacked_terms

)

select * from final
