-- Variable consideration of each contract: every estimate with the day from which it holds, and what it
-- changes (ASC 606-10-32-5 to 32-14). Royalties and rebates on goods sold by the piece are priced as they
-- happen and change nothing here; they are kept for allocation and rating.

with

events as (

    select
        event_id,
        entity_id,
        contract_id,
        effective_date,
        event_type
    from {{ ref('stg_canonical__contract_events') }}

),

lines as (

    select * from {{ ref('stg_canonical__contract_lines') }}

),

-- The line whose units a component is about: the first it is allocated to, else the first of the contract.
unit_prices as (

    select distinct on (components.event_id, components.component_id)
        components.event_id,
        components.component_id,
        coalesce(lines.unit_price_minor, lines.amount_minor / nullif(lines.quantity, 0)) as unit_price_minor,
        lines.amount_minor = 0 and coalesce(lines.unit_price_minor, 0) <> 0 as is_by_piece
    from {{ ref('stg_canonical__price_components') }} as components
    inner join lines
        on
            components.event_id = lines.event_id
            and lines.line_kind = 'good_or_service'
            and lines.line_action in ('stated', 'added')
    order by
        components.event_id asc,
        components.component_id asc,
        coalesce(lines.obligation_key = any(components.allocate_to), false) desc,
        (lines.quantity is null and lines.unit_price_minor is null),
        lines.line_no asc

),

stated as (

    select
        events.entity_id,
        events.contract_id,
        components.event_id,
        components.component_id,
        components.component_kind,
        events.effective_date,
        components.allocate_to,
        unit_prices.unit_price_minor,
        unit_prices.is_by_piece,
        components.threshold_quantity,
        components.unit_price_after_minor,
        components.tier_up_to,
        components.tier_unit_prices_minor,
        components.expected_quantity,
        false as is_reestimate,
        coalesce(
            components.estimate_minor,
            case
                when components.component_kind = 'returns'
                    then -round(components.expected_returns * unit_prices.unit_price_minor)
                when components.method = 'expected_value'
                    then (
                        select round(sum(outcomes.amount * outcomes.probability))
                        from unnest(components.outcome_amounts_minor, components.outcome_probabilities)
                            as outcomes (amount, probability)
                    )
                when components.method = 'most_likely'
                    then (
                        select outcomes.amount
                        from
                            unnest(components.outcome_amounts_minor, components.outcome_probabilities)
                            with ordinality as outcomes (amount, probability, place)
                        order by outcomes.probability desc, outcomes.place asc
                        limit 1
                    )
            end,
            0
        )::bigint as estimate_minor
    from {{ ref('stg_canonical__price_components') }} as components
    inner join events on components.event_id = events.event_id
    left join unit_prices
        on components.event_id = unit_prices.event_id and components.component_id = unit_prices.component_id

),

firsts as (

    select distinct on (entity_id, contract_id, component_id) *
    from stated
    order by entity_id, contract_id, component_id, effective_date, event_id

),

reestimated as (

    select
        estimates.entity_id,
        estimates.contract_id,
        estimates.event_id,
        estimates.component_id,
        firsts.component_kind,
        estimates.effective_date,
        firsts.allocate_to,
        firsts.unit_price_minor,
        firsts.is_by_piece,
        firsts.threshold_quantity,
        firsts.unit_price_after_minor,
        firsts.tier_up_to,
        firsts.tier_unit_prices_minor,
        estimates.expected_quantity,
        true as is_reestimate,
        coalesce(
            estimates.estimate_minor,
            case
                when firsts.component_kind = 'returns'
                    then -round(estimates.expected_quantity * firsts.unit_price_minor)
            end,
            0
        )::bigint as estimate_minor
    from {{ ref('stg_canonical__estimate_events') }} as estimates
    inner join firsts
        on
            estimates.entity_id = firsts.entity_id
            and estimates.contract_id = firsts.contract_id
            and estimates.component_id = firsts.component_id
    where estimates.event_type = 'estimate.variable'

),

-- What was credited for goods that came back, by the day the right lapses.
came_back as (

    select
        lapses.event_id,
        sum(returned.amount_minor)::bigint as amount_minor
    from {{ ref('stg_canonical__estimate_events') }} as lapses
    inner join {{ ref('int_prices__returned') }} as returned
        on
            lapses.entity_id = returned.entity_id
            and lapses.contract_id = returned.contract_id
            and lapses.effective_date >= returned.economic_date
    where lapses.event_type = 'right.lapsed' and lapses.lapsed_right = 'return'
    group by lapses.event_id

),

-- When the right of return lapses, nothing more comes back; what came back stays off the price.
lapsed as (

    select
        lapses.entity_id,
        lapses.contract_id,
        lapses.event_id,
        firsts.component_id,
        firsts.component_kind,
        lapses.effective_date,
        firsts.allocate_to,
        firsts.unit_price_minor,
        firsts.is_by_piece,
        firsts.threshold_quantity,
        firsts.unit_price_after_minor,
        firsts.tier_up_to,
        firsts.tier_unit_prices_minor,
        0::numeric as expected_quantity,
        true as is_reestimate,
        -coalesce(came_back.amount_minor, 0)::bigint as estimate_minor
    from {{ ref('stg_canonical__estimate_events') }} as lapses
    inner join firsts
        on lapses.entity_id = firsts.entity_id and lapses.contract_id = firsts.contract_id
    left join came_back on lapses.event_id = came_back.event_id
    where lapses.event_type = 'right.lapsed' and lapses.lapsed_right = 'return' and firsts.component_kind = 'returns'

),

everything as (

    select * from stated
    union all
    select * from reestimated
    union all
    select * from lapsed

),

priced as (

    select
        *,
        case
            when component_kind in ('royalty', 'usage') then 0::bigint
            when component_kind = 'rebate' and is_by_piece then 0::bigint
            else estimate_minor
        end as priced_minor
    from everything

),

final as (

    select
        *,
        priced_minor - lag(priced_minor, 1, 0::bigint) over (
            partition by entity_id, contract_id, component_id order by effective_date, is_reestimate, event_id
        ) as change_minor,
        lead(effective_date) over (
            partition by entity_id, contract_id, component_id order by effective_date, is_reestimate, event_id
        ) as until_date
    from priced

)

select * from final
