-- The price of each obligation under each version of its arrangement, exact to the minor unit.
--
-- A short recursion over the versions: each step shares what the version brings (share_out) and works out
-- what was earned when the next version takes effect. base_minor is recognised and kept; pool_minor and
-- own_minor are still to be earned over the segment. Revenue before a change is rounded once.
-- ASC 606-10-25-13, 32-28 to 32-45. A version has one pool; PostgreSQL allows window functions, not
-- aggregates, over the recursive part.

with recursive

changing as (

    select * from {{ ref('int_prices__changes') }}
    where is_only is not true

),

steps as (

    {% set first_step %}
        select
            inputs.*,
            0::bigint as base_before_minor,
            0::bigint as pool_before_minor,
            0::bigint as own_before_minor,
            0::bigint as earned_before_minor
        from changing as inputs
        where inputs.version_no = 1
    {% endset %}
    {{ price_step(first_step) }}

    union all

    {% set next_step %}
        select
            inputs.*,
            steps.base_minor as base_before_minor,
            steps.pool_minor as pool_before_minor,
            steps.own_minor as own_before_minor,
            steps.earned_minor as earned_before_minor
        from steps
        inner join changing as inputs
            on
                steps.entity_id = inputs.entity_id
                and steps.arrangement_id = inputs.arrangement_id
                and steps.obligation_id = inputs.obligation_id
                and steps.version_no + 1 = inputs.version_no
    {% endset %}
    {{ price_step(next_step) }}

),

-- Most prices are shared once and never change.
shared_once as (

    {% set only_step %}
        select
            inputs.entity_id,
            inputs.arrangement_id,
            inputs.version_no,
            inputs.obligation_id,
            inputs.place,
            inputs.rounding_unit_minor,
            inputs.price_mode,
            inputs.share_weight,
            inputs.pool_change_minor as pool_minor,
            inputs.immediate_minor,
            inputs.delta_minor
        from {{ ref('int_prices__changes') }} as inputs
        where inputs.is_only
    {% endset %}
    {{ share_out(only_step, 'entity_id, arrangement_id') }}

),

everything as (

    select * from steps
    union all
    select
        entity_id,
        arrangement_id,
        version_no,
        obligation_id,
        price_mode,
        share_weight,
        immediate_minor as base_minor,
        allocated_minor as pool_minor,
        delta_minor as own_minor,
        0::bigint as released_minor,
        immediate_minor as earned_minor
    from shared_once

),

final as (

    select
        steps.entity_id,
        steps.arrangement_id,
        obligations.package_id,
        obligations.contract_id,
        steps.version_no,
        obligations.is_only,
        obligations.effective_date,
        obligations.in_force_from,
        obligations.next_in_force_from,
        obligations.treatment,
        obligations.change_kind,
        steps.obligation_id,
        obligations.obligation_key,
        obligations.place,
        obligations.currency_code,
        obligations.recognition_method,
        obligations.revenue_role,
        obligations.performing_entity_id,
        obligations.rounding_unit_minor,
        obligations.progress_rounding,
        obligations.unit_price_rounding_minor,
        obligations.segment_no,
        obligations.segment_date,
        obligations.first_version_no,
        obligations.window_start_date,
        obligations.window_end_date,
        obligations.measure_before,
        obligations.is_over,
        steps.price_mode,
        steps.share_weight,
        steps.base_minor,
        steps.pool_minor,
        steps.own_minor,
        -- What ended contracts release at once.
        steps.released_minor,
        steps.base_minor + steps.pool_minor + steps.own_minor as allocated_minor,
        steps.earned_minor
    from everything as steps
    inner join {{ ref('int_obligations__identified') }} as obligations
        on
            steps.entity_id = obligations.entity_id
            and steps.obligation_id = obligations.obligation_id
            and steps.version_no = obligations.version_no
    where steps.price_mode <> 'none'

)

select * from final
