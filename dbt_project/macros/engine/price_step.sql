{# One version of the price recursion: `source` holds the inputs of the version beside the state before it.

   start and repool share what is new, or what is left and what is new; reshare shares the running segment's
   pool with the change, by the segment's own weights; terminate keeps what was earned and releases what
   the entity may keep beyond it; where more goes back than was unearned, what was earned shrinks. Returns the state after the version and what of it is earned by the
   day before the next one. #}
{% macro price_step(source) -%}
    select
        priced.entity_id,
        priced.arrangement_id,
        priced.version_no,
        priced.obligation_id,
        priced.price_mode,
        priced.share_weight,
        priced.base_minor,
        priced.pool_minor,
        priced.own_minor,
        priced.released_minor,
        priced.base_minor + case
            when priced.progress_numerator >= priced.progress_denominator then priced.pool_minor + priced.own_minor
            when priced.unit_price_rounding_minor is not null
                then {{ round_to_unit(
                    rounded_unit_price('(priced.pool_minor + priced.own_minor) / priced.progress_denominator', 'priced.unit_price_rounding_minor'),
                    'priced.progress_numerator', '1', 'priced.rounding_unit_minor'
                ) }}
            else
                least(priced.set_aside_minor, greatest(priced.pool_minor + priced.own_minor, 0))
                + {{ round_to_unit(
                    '(priced.pool_minor + priced.own_minor - least(priced.set_aside_minor, greatest(priced.pool_minor + priced.own_minor, 0)))',
                    'priced.progress_numerator', 'priced.progress_denominator', 'priced.rounding_unit_minor'
                ) }}
        end as earned_minor
    from (
        select
            shared.entity_id,
            shared.arrangement_id,
            shared.version_no,
            shared.obligation_id,
            shared.price_mode,
            shared.share_weight,
            shared.rounding_unit_minor,
            shared.set_aside_minor,
            shared.progress_numerator,
            shared.progress_denominator,
            shared.unit_price_rounding_minor,
            (case shared.price_mode
                when 'start' then shared.immediate_minor
                when 'repool' then shared.earned_before_minor + shared.immediate_minor
                when 'terminate' then shared.earned_before_minor + shared.allocated_minor
                else shared.base_before_minor + shared.immediate_minor
            end)::bigint as base_minor,
            (case shared.price_mode
                when 'start' then shared.allocated_minor
                when 'repool' then shared.allocated_minor
                when 'reshare' then shared.allocated_minor
                when 'terminate' then 0
                else shared.pool_before_minor
            end)::bigint as pool_minor,
            (case shared.price_mode
                when 'start' then shared.delta_minor
                when 'repool' then shared.delta_minor
                when 'terminate' then 0
                else shared.own_before_minor + shared.delta_minor
            end)::bigint as own_minor,
            (case when shared.price_mode = 'terminate' then shared.allocated_minor else 0 end)::bigint as released_minor
        from (
            {% set unearned_claim -%}
                        state.claim_minor - sum(
                            case when state.price_mode = 'terminate' then state.earned_before_minor else 0 end
                        ) over in_version
                        -- What the allocation of a package moved to, or from, the contract that ends.
                        + case
                            when state.package_price_minor is null then 0
                            else
                                sum(
                                    case when state.price_mode = 'terminate'
                                        then state.base_before_minor + state.pool_before_minor + state.own_before_minor
                                        else 0 end
                                ) over in_version - state.package_price_minor
                        end
            {%- endset %}
            {% set pooled %}
            select
                state.entity_id,
                state.arrangement_id,
                state.version_no,
                state.obligation_id,
                state.place,
                state.rounding_unit_minor,
                state.price_mode,
                state.delta_minor,
                state.immediate_minor,
                state.set_aside_minor,
                state.progress_numerator,
                state.progress_denominator,
                state.unit_price_rounding_minor,
                state.base_before_minor,
                state.pool_before_minor,
                state.own_before_minor,
                state.earned_before_minor,
                case
                    when state.price_mode = 'terminate' and state.is_claim_final and {{ unearned_claim }} < 0
                        then greatest(state.earned_before_minor, 0)
                    when state.price_mode = 'terminate'
                        then abs(state.base_before_minor + state.pool_before_minor + state.own_before_minor - state.earned_before_minor)
                    else state.share_weight
                end as share_weight,
                state.price_mode in ('start', 'repool', 'reshare', 'terminate') as is_sharing,
                case state.price_mode
                    when 'start' then state.pool_change_minor
                    when 'repool' then
                        state.pool_change_minor + sum(
                            case when state.price_mode = 'repool'
                                then state.base_before_minor + state.pool_before_minor + state.own_before_minor - state.earned_before_minor
                                else 0 end
                        ) over in_version
                    when 'reshare' then
                        state.pool_change_minor
                        + sum(case when state.price_mode = 'reshare' then state.pool_before_minor else 0 end) over in_version
                    -- No more than was earned is given up.
                    when 'terminate' then
                        greatest(
                            case
                                when state.is_claim_final
                                    then -sum(
                                        case when state.price_mode = 'terminate' then greatest(state.earned_before_minor, 0) else 0 end
                                    ) over in_version
                                else 0
                            end,
                            {{ unearned_claim }}
                        )
                    else 0
                end as pool_minor
            from ({{ source }}) as state
            window in_version as (partition by state.entity_id, state.arrangement_id)
            {% endset %}
            {{ share_out(pooled, 'entity_id, arrangement_id, is_sharing') }}
        ) as shared
    ) as priced
{%- endmacro %}
