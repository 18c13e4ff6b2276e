-- Each usage row against the rights in force on its day. Usage earns only against an entitlement; the
-- rest is an exception with a reason and is judged again when a contract arrives later.
--
-- A usage_id that came twice with different content is a collision: neither row earns until decided
-- (docs/decisions/0006). A reason of the calendar or the plan is named before the collision.

with

usage_events as (

    select * from {{ ref('stg_canonical__usage_events') }}

),

collided as (

    select distinct
        entity_id,
        source_system,
        usage_id
    from usage_events
    where is_collision

),

contract_ends as (

    select
        entity_id,
        contract_id,
        effective_date - 1 as last_date
    from {{ ref('int_contracts__segments') }}
    where treatment = 'termination'

),

quarantined as (

    select distinct
        entity_id,
        contract_id
    from {{ ref('int_contracts__quarantined') }}

),

rights as (

    select distinct on (entitlements.entity_id, entitlements.contract_id, entitlements.line_id, entitlements.meter, entitlements.from_date)
        entitlements.entity_id,
        entitlements.contract_id,
        entitlements.line_id,
        entitlements.customer_id,
        entitlements.meter,
        entitlements.from_date,
        least(entitlements.to_date, contract_ends.last_date) as to_date,
        entitlements.is_trial
    from {{ ref('stg_canonical__entitlement_events') }} as entitlements
    left join contract_ends
        on
            entitlements.entity_id = contract_ends.entity_id
            and entitlements.contract_id = contract_ends.contract_id
    left join quarantined
        on
            entitlements.entity_id = quarantined.entity_id
            and entitlements.contract_id = quarantined.contract_id
    where quarantined.contract_id is null
    order by
        entitlements.entity_id asc, entitlements.contract_id asc, entitlements.line_id asc, entitlements.meter asc,
        entitlements.from_date asc, entitlements.recorded_at desc, entitlements.event_id desc

),

-- Two joins instead of one with "or", so that both can be hash joins.
candidates as (

    select
        usage_events.event_id,
        rights.contract_id,
        rights.line_id,
        rights.is_trial,
        rights.from_date,
        rights.to_date,
        rights.meter
    from usage_events
    inner join rights
        on
            usage_events.entity_id = rights.entity_id
            and usage_events.contract_id = rights.contract_id
            and coalesce(usage_events.line_id, rights.line_id) = rights.line_id
    union all
    select
        usage_events.event_id,
        rights.contract_id,
        rights.line_id,
        rights.is_trial,
        rights.from_date,
        rights.to_date,
        rights.meter
    from usage_events
    inner join rights
        on
            usage_events.entity_id = rights.entity_id
            and usage_events.customer_id = rights.customer_id
    where usage_events.contract_id is null

),

-- The right whose range holds the day wins; else the nearest says why not.
matched as (

    select distinct on (usage_events.event_id)
        usage_events.event_id,
        usage_events.entity_id,
        usage_events.source_system,
        usage_events.usage_id,
        usage_events.customer_id,
        usage_events.meter,
        usage_events.quantity,
        usage_events.usage_date,
        usage_events.customer_sales_minor,
        coalesce(usage_events.contract_id, candidates.contract_id) as contract_id,
        candidates.line_id,
        candidates.is_trial,
        candidates.from_date,
        candidates.to_date,
        candidates.meter as right_meter
    from usage_events
    left join candidates on usage_events.event_id = candidates.event_id
    order by
        usage_events.event_id asc,
        (candidates.meter is not distinct from usage_events.meter) desc,
        (usage_events.usage_date between candidates.from_date and coalesce(candidates.to_date, 'infinity'::date))
        desc nulls last,
        (usage_events.usage_date >= candidates.from_date) desc nulls last,
        candidates.from_date desc nulls last,
        candidates.contract_id asc,
        candidates.line_id asc

),

judged as (

    select
        matched.*,
        case
            when matched.right_meter is null then 'NO_CONTRACT'
            when matched.right_meter <> matched.meter then 'NOT_IN_PLAN'
            when matched.usage_date < matched.from_date then 'BEFORE_START'
            when matched.usage_date > matched.to_date then 'AFTER_END'
            when collided.usage_id is not null then 'COLLISION'
        end as reason_code
    from matched
    left join collided
        on
            matched.entity_id = collided.entity_id
            and matched.source_system = collided.source_system
            and matched.usage_id = collided.usage_id

),

final as (

    select
        event_id,
        entity_id,
        source_system,
        usage_id,
        contract_id,
        case when reason_code is null then line_id end as line_id,
        customer_id,
        meter,
        quantity,
        usage_date,
        customer_sales_minor,
        {{ period_of('entity_id', 'usage_date') }} as economic_period,
        reason_code is null as is_entitled,
        reason_code,
        coalesce(is_trial, false) as is_trial
    from judged

)

select * from final
