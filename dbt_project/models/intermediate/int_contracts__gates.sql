-- Times in which a contract may not recognise: collection is not probable (ASC 606-10-25-1e), the goods
-- may have to be bought back (606-10-55-68), or returns cannot be estimated (606-10-55-26).
-- closed_from_date is the first such day, opened_date the first day on which it is over; null: not yet.

with

arrangements as (

    select * from {{ ref('int_contracts__arrangements') }}

),

signings as (

    select distinct on (entity_id, contract_id) *
    from {{ ref('stg_canonical__contract_events') }}
    where event_type in ('contract.signed', 'contract.renewed')
    order by entity_id asc, contract_id asc, contract_version asc, recorded_at desc, event_id asc

),

estimates as (

    select * from {{ ref('stg_canonical__estimate_events') }}

),

collectability as (

    select
        entity_id,
        contract_id,
        -- Payments and deliveries of earlier days wait too.
        '-infinity'::date as from_date,
        coalesce(is_collection_probable, true) as is_open,
        0 as place
    from signings
    union all
    select
        entity_id,
        contract_id,
        effective_date as from_date,
        is_collection_probable as is_open,
        1 as place
    from estimates
    where event_type = 'collectability.reassessed'

),

collectability_ranges as (

    select
        entity_id,
        contract_id,
        'collectability' as gate,
        is_open,
        from_date as closed_from_date,
        min(from_date) filter (where is_open) over (
            partition by entity_id, contract_id order by from_date, place
            rows between 1 following and unbounded following
        ) as opened_date,
        lag(is_open) over (partition by entity_id, contract_id order by from_date, place) as was_open
    from collectability

),

rights as (

    select
        signings.entity_id,
        signings.contract_id,
        'repurchase' as gate,
        (
            select min(estimates.effective_date)
            from estimates
            where
                estimates.entity_id = signings.entity_id
                and estimates.contract_id = signings.contract_id
                and estimates.event_type = 'right.lapsed'
                and estimates.lapsed_right = 'repurchase'
        ) as opened_date
    from signings
    where signings.repurchase_kind is not null
    union all
    select
        components.entity_id,
        components.contract_id,
        'return' as gate,
        (
            select min(estimates.effective_date)
            from estimates
            where
                estimates.entity_id = components.entity_id
                and estimates.contract_id = components.contract_id
                and (
                    (estimates.event_type = 'right.lapsed' and estimates.lapsed_right = 'return')
                    or (
                        estimates.event_type = 'estimate.variable'
                        and estimates.component_id = components.component_id
                    )
                )
        ) as opened_date
    from (
        select
            events.entity_id,
            events.contract_id,
            stated.component_id
        from {{ ref('stg_canonical__price_components') }} as stated
        inner join {{ ref('stg_canonical__contract_events') }} as events on stated.event_id = events.event_id
        where stated.component_kind = 'returns' and stated.method = 'not_estimated'
    ) as components

),

everything as (

    select
        entity_id,
        contract_id,
        gate,
        closed_from_date,
        opened_date
    from collectability_ranges
    where not is_open and coalesce(was_open, true)
    union all
    select
        entity_id,
        contract_id,
        gate,
        '-infinity'::date as closed_from_date,
        opened_date
    from rights

),

ends as (

    select
        entity_id,
        contract_id,
        min(effective_date) as end_date
    from {{ ref('int_contracts__segments') }}
    where treatment = 'termination' and not is_superseded
    group by entity_id, contract_id

),

final as (

    select distinct
        everything.entity_id,
        arrangements.arrangement_id,
        everything.contract_id,
        everything.gate,
        everything.closed_from_date,
        -- When the contract is over, what was paid and need not go back is earned (ASC 606-10-25-7b).
        case
            when everything.gate = 'collectability' then least(everything.opened_date, ends.end_date)
            else everything.opened_date
        end as opened_date
    from everything
    inner join arrangements
        on everything.entity_id = arrangements.entity_id and everything.contract_id = arrangements.contract_id
    left join ends
        on
            everything.entity_id = ends.entity_id
            and everything.contract_id = ends.contract_id
            and everything.closed_from_date < ends.end_date

)

select * from final
