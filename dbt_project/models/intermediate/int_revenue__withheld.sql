-- Value that passes to the customer and is billed, but is no revenue: expected returns and rebates
-- (ASC 606-10-32-10), amounts paid to the customer (32-25), and what an agent collects for its principal
-- (606-10-55-38). To date by the same progress as the obligation; rows are the increments.

with

kinds as (

    select * from {{ ref('int_obligations__kinds') }}

),

segments as (

    select * from {{ ref('int_obligations__segments') }}

),

dates as (

    select * from {{ ref('int_revenue__dates') }}

),

steps as (

    select * from {{ ref('int_progress__steps') }}

),

-- Weight of each obligation in its contract's first price.
first_shares as (

    select
        entity_id,
        contract_id,
        obligation_id,
        obligation_key,
        place,
        rounding_unit_minor,
        version_no,
        share_weight
    from {{ ref('int_prices__allocated') }}
    where version_no = first_version_no

),

components as (

    select
        entity_id,
        contract_id,
        component_id,
        component_kind,
        allocate_to,
        effective_date,
        coalesce(until_date, 'infinity'::date) as until_date,
        -priced_minor as withheld_minor
    from {{ ref('int_prices__components') }}
    where component_kind in ('returns', 'rebate') and not coalesce(is_by_piece and component_kind = 'rebate', false)

),

component_shares as (

    {% set component_source %}
    select
        components.entity_id,
        components.contract_id,
        components.component_id,
        components.component_kind as kind,
        components.effective_date,
        components.until_date,
        first_shares.obligation_id,
        first_shares.place,
        first_shares.rounding_unit_minor,
        first_shares.share_weight,
        components.withheld_minor as pool_minor
    from components
    inner join first_shares
        on
            components.entity_id = first_shares.entity_id
            and components.contract_id = first_shares.contract_id
            and (components.allocate_to is null or first_shares.obligation_key = any(components.allocate_to))
    {% endset %}
    {{ share_out(component_source, 'entity_id, contract_id, component_id, effective_date') }}

),

payables as (

    select
        events.entity_id,
        events.contract_id,
        max(events.payable_minor) as payable_minor
    from {{ ref('stg_canonical__contract_events') }} as events
    where events.payable_minor is not null and not coalesce(events.payable_is_for_distinct_good, false)
    group by events.entity_id, events.contract_id

),

payable_shares as (

    {% set payable_source %}
    select
        payables.entity_id,
        payables.contract_id,
        'payable' as component_id,
        'payable' as kind,
        '-infinity'::date as effective_date,
        'infinity'::date as until_date,
        first_shares.obligation_id,
        first_shares.place,
        first_shares.rounding_unit_minor,
        first_shares.share_weight,
        payables.payable_minor as pool_minor
    from payables
    inner join first_shares
        on payables.entity_id = first_shares.entity_id and payables.contract_id = first_shares.contract_id
    {% endset %}
    {{ share_out(payable_source, 'entity_id, contract_id') }}

),

agent_shares as (

    select
        lines.entity_id,
        lines.contract_id,
        'agent' as component_id,
        'agent' as kind,
        '-infinity'::date as effective_date,
        'infinity'::date as until_date,
        obligations.obligation_id,
        sum(lines.amount_minor - lines.price_minor)::bigint as allocated_minor
    from {{ ref('int_contracts__lines') }} as lines
    inner join {{ ref('int_obligations__lines') }} as obligations
        on
            lines.entity_id = obligations.entity_id
            and lines.contract_id = obligations.contract_id
            and lines.line_id = obligations.line_id
    where lines.is_agent and not lines.is_priced_by_use and lines.line_action in ('stated', 'added')
    group by lines.entity_id, lines.contract_id, obligations.obligation_id

),

amounts as (

    select
        entity_id,
        contract_id,
        obligation_id,
        kind,
        component_id,
        effective_date,
        until_date,
        allocated_minor
    from component_shares
    union all
    select
        entity_id,
        contract_id,
        obligation_id,
        kind,
        component_id,
        effective_date,
        until_date,
        allocated_minor
    from payable_shares
    union all
    select
        entity_id,
        contract_id,
        obligation_id,
        kind,
        component_id,
        effective_date,
        until_date,
        allocated_minor
    from agent_shares

),

evaluated as (

    select
        measured.entity_id,
        measured.obligation_id,
        measured.kind,
        measured.component_id,
        measured.economic_date,
        {{ recognized_through('measured', 'measured.economic_date', 'measured') }} as withheld_to_date_minor
    from (
        select
            amounts.entity_id,
            amounts.obligation_id,
            amounts.kind,
            amounts.component_id,
            dates.economic_date,
            segments.recognition_method,
            segments.window_start_date,
            segments.window_end_date,
            segments.progress_rounding,
            null::numeric as unit_price_rounding_minor,
            segments.rounding_unit_minor,
            0::numeric as measure_before,
            0::bigint as base_minor,
            amounts.allocated_minor as price_minor,
            steps.measure,
            steps.total,
            0::bigint as set_aside_minor
        from amounts
        inner join dates
            on
                amounts.entity_id = dates.entity_id
                and amounts.obligation_id = dates.obligation_id
                and amounts.effective_date <= dates.economic_date
                and amounts.until_date > dates.economic_date
        inner join segments
            on
                dates.entity_id = segments.entity_id
                and dates.obligation_id = segments.obligation_id
                and dates.economic_date >= segments.in_force_from
                and dates.economic_date < coalesce(segments.until_date, 'infinity'::date)
        left join steps
            on
                dates.entity_id = steps.entity_id
                and dates.obligation_id = steps.obligation_id
                and dates.economic_date >= steps.step_date
                and dates.economic_date < coalesce(steps.until_date, 'infinity'::date)
    ) as measured

),

fixed as (

    select
        entity_id,
        obligation_id,
        kind,
        economic_date,
        sum(withheld_to_date_minor) - lag(sum(withheld_to_date_minor), 1, 0::numeric) over (
            partition by entity_id, obligation_id, kind order by economic_date
        ) as withheld_minor
    from evaluated
    group by entity_id, obligation_id, kind, economic_date

),

rated as (

    select
        entity_id,
        obligation_id,
        economic_date,
        is_agent,
        has_payable,
        gross_to_date_minor - net_to_date_minor - lag(gross_to_date_minor - net_to_date_minor, 1, 0::bigint) over by_line
            as rebate_minor,
        net_to_date_minor - recognized_to_date_minor
        - lag(net_to_date_minor - recognized_to_date_minor, 1, 0::bigint) over by_line as passed_on_minor
    from {{ ref('int_usage__rated') }}
    window by_line as (partition by entity_id, contract_id, line_id, component order by economic_date)

),

everything as (

    select * from fixed
    union all
    select
        entity_id,
        obligation_id,
        'rebate' as kind,
        economic_date,
        rebate_minor as withheld_minor
    from rated
    union all
    select
        entity_id,
        obligation_id,
        case when is_agent then 'agent' else 'payable' end as kind,
        economic_date,
        passed_on_minor as withheld_minor
    from rated

),

final as (

    select
        everything.entity_id,
        kinds.performing_entity_id,
        kinds.arrangement_id,
        kinds.package_id,
        kinds.contract_id,
        everything.obligation_id,
        everything.kind,
        everything.economic_date,
        {{ period_of('everything.entity_id', 'everything.economic_date') }} as economic_period,
        kinds.currency_code,
        sum(everything.withheld_minor)::bigint as withheld_minor
    from everything
    inner join kinds
        on everything.entity_id = kinds.entity_id and everything.obligation_id = kinds.obligation_id
    group by
        everything.entity_id, kinds.performing_entity_id, kinds.arrangement_id, kinds.package_id, kinds.contract_id,
        everything.obligation_id, everything.kind, everything.economic_date, kinds.currency_code
    having sum(everything.withheld_minor) <> 0

)

select * from final
