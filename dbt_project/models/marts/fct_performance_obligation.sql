{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

segments as (

    select * from {{ ref('int_obligations__segments') }}

),

kinds as (

    select * from {{ ref('int_obligations__kinds') }}

),

scheduled as (

    select
        entity_id,
        obligation_id,
        sum(recognized_minor)::bigint as scheduled_minor
    from {{ ref('int_revenue__scheduled') }}
    where component in ('fixed', 'termination')
    group by entity_id, obligation_id

),

last_dates as (

    select
        entity_id,
        obligation_id,
        max(economic_date) as economic_date
    from {{ ref('int_revenue__dates') }}
    group by entity_id, obligation_id

),

newest as (

    select distinct on (entity_id, obligation_id) *
    from segments
    order by entity_id asc, obligation_id asc, contract_version desc, term_no desc

),

ranges as (

    select
        entity_id,
        obligation_id,
        min(window_start_date) as service_start_date,
        max(least(window_end_date, ends_before_date - 1)) as service_end_date
    from segments
    where not is_over
    group by entity_id, obligation_id

),

-- Where the last known progress leaves it; what is beyond waits for facts.
waiting as (

    select
        newest.entity_id,
        newest.obligation_id,
        newest.allocated_minor
        - case
            when last_dates.economic_date is null then 0
            else {{ recognized_through('newest', 'last_dates.economic_date', 'steps') }}
        end as pending_minor
    from newest
    left join last_dates
        on newest.entity_id = last_dates.entity_id and newest.obligation_id = last_dates.obligation_id
    left join {{ ref('int_progress__steps') }} as steps
        on
            last_dates.entity_id = steps.entity_id
            and last_dates.obligation_id = steps.obligation_id
            and last_dates.economic_date >= steps.step_date
            and last_dates.economic_date < coalesce(steps.until_date, 'infinity'::date)

),

final as (

    select
        newest.obligation_id,
        newest.entity_id,
        newest.performing_entity_id,
        newest.arrangement_id,
        newest.package_id,
        newest.contract_id,
        newest.obligation_key,
        kinds.line_ids,
        newest.currency_code,
        newest.recognition_method,
        case
            when newest.recognition_method = 'point_in_time' or newest.recognition_method is null then 'point_in_time'
            else 'over_time'
        end as timing,
        newest.revenue_role,
        ranges.service_start_date,
        ranges.service_end_date,
        newest.allocated_minor,
        waiting.pending_minor::bigint as pending_minor,
        coalesce(scheduled.scheduled_minor, 0)::bigint as scheduled_minor
    from newest
    inner join kinds
        on newest.entity_id = kinds.entity_id and newest.obligation_id = kinds.obligation_id
    inner join waiting
        on newest.entity_id = waiting.entity_id and newest.obligation_id = waiting.obligation_id
    left join ranges
        on newest.entity_id = ranges.entity_id and newest.obligation_id = ranges.obligation_id
    left join scheduled
        on newest.entity_id = scheduled.entity_id and newest.obligation_id = scheduled.obligation_id

)

select * from final
