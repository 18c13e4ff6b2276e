-- Everything that changes what a contract promises or what it costs, in the order in which it takes effect.
--
-- effective_date is the rounding point: revenue up to the day before is kept as it was. in_force_from is
-- the day from which the books know: a change told as a difference and agreed later than it takes
-- effect is caught up on the day it happened. Order: effective date, kind, the source's own version, event
-- id; never the order of arrival. Classification: ASC 606-10-25-12, 25-13.

with

segments as not materialized (

    select * from {{ ref('int_contracts__segments') }}
    where not is_superseded

),

events as not materialized (

    select * from {{ ref('stg_canonical__contract_events') }}

),

arrangements as not materialized (

    select * from {{ ref('int_contracts__arrangements') }}

),

entities as (

    select
        entity_id,
        accounting_time_zone
    from {{ ref('ref_legal_entities') }}

),

additions as (

    select distinct event_id
    from {{ ref('stg_canonical__contract_lines') }}
    where line_action = 'added'

),

contract_changes as (

    select
        segments.entity_id,
        arrangements.arrangement_id,
        arrangements.package_id,
        segments.contract_id,
        segments.event_id,
        segments.version_no as contract_version_no,
        events.contract_version,
        segments.effective_date,
        case
            when events.change_basis = 'delta'
                then greatest(segments.effective_date, (events.occurred_at at time zone entities.accounting_time_zone)::date)
            else segments.effective_date
        end as in_force_from,
        case
            when segments.event_type = 'contract.renewed' and segments.supersedes_from_date is not null then 'renewal'
            when segments.event_type in ('contract.signed', 'contract.renewed') then 'signing'
            when segments.event_type = 'contract.terminated' then 'termination'
            when segments.event_type = 'contract.option_exercised' then 'option'
            else 'modification'
        end as change_kind,
        coalesce(
            events.classification,
            case
                when events.adds_distinct and events.added_at_ssp and additions.event_id is not null then 'separate_contract'
                when events.remaining_distinct = false then 'cumulative_catch_up'
            end,
            'prospective'
        ) as classification,
        events.modification_id
    from segments
    inner join events on segments.event_id = events.event_id
    inner join entities on segments.entity_id = entities.entity_id
    inner join arrangements
        on segments.entity_id = arrangements.entity_id and segments.contract_id = arrangements.contract_id
    left join additions on segments.event_id = additions.event_id

),

-- Re-estimates, credits and lost disputes change the price, not the promise.
price_changes as (

    select distinct
        components.entity_id,
        arrangements.arrangement_id,
        arrangements.package_id,
        components.contract_id,
        components.event_id,
        0 as contract_version_no,
        0 as contract_version,
        components.effective_date,
        components.effective_date as in_force_from,
        'estimate' as change_kind,
        'estimate' as classification,
        null::text as modification_id
    from {{ ref('int_prices__components') }} as components
    inner join arrangements
        on components.entity_id = arrangements.entity_id and components.contract_id = arrangements.contract_id
    where components.is_reestimate and components.change_minor <> 0
    union all
    select distinct
        credits.entity_id,
        arrangements.arrangement_id,
        arrangements.package_id,
        credits.contract_id,
        credits.event_id,
        0 as contract_version_no,
        0 as contract_version,
        credits.effective_date,
        credits.effective_date as in_force_from,
        credits.credit_kind as change_kind,
        credits.treatment as classification,
        null::text as modification_id
    from {{ ref('int_prices__credits') }} as credits
    inner join arrangements
        on credits.entity_id = arrangements.entity_id and credits.contract_id = arrangements.contract_id
    where credits.price_change_minor <> 0

),

everything as (

    select * from contract_changes
    union all
    select * from price_changes

),

-- Orders signed as one package start as one.
grouped as (

    select
        *,
        case
            when change_kind = 'signing'
                then min(effective_date) over (partition by entity_id, arrangement_id, package_id, change_kind)
            else effective_date
        end as rounding_date,
        case change_kind
            when 'signing' then 0
            when 'renewal' then 1
            when 'modification' then 2
            when 'option' then 2
            when 'estimate' then 3
            when 'credit' then 4
            when 'dispute' then 5
            else 6
        end as kind_order,
        case when change_kind = 'signing' then '' else contract_id end as group_contract_id,
        case when change_kind = 'signing' then 0 else contract_version end as group_version,
        case when change_kind = 'signing' then '' else event_id end as group_event_id
    from everything

),

numbered as (

    select
        *,
        dense_rank() over (
            partition by entity_id, arrangement_id
            order by rounding_date, kind_order, group_version, group_contract_id, group_event_id
        ) as version_no
    from grouped

),

final as (

    select
        entity_id,
        arrangement_id,
        package_id,
        contract_id,
        version_no::integer as version_no,
        rounding_date as effective_date,
        -- Never before what precedes it: an order must hold on every day.
        max(case when change_kind = 'signing' then rounding_date else in_force_from end) over (
            partition by entity_id, arrangement_id order by version_no
        ) as in_force_from,
        event_id,
        change_kind,
        case
            when change_kind = 'signing' then 'initial'
            when change_kind = 'renewal' then 'prospective'
            when change_kind in ('termination', 'option') then change_kind
            else classification
        end as treatment,
        modification_id
    from numbered

)

select * from final
