-- Revenue that interest adds: what a customer's advance, or a repurchase agreement, accrued by the day
-- control passes is part of what was paid for the goods (ASC 606-10-32-15 to 32-20, 606-10-55-75). Goods that
-- may come back for less than was paid are leased meanwhile (606-10-55-68, 55-72): the difference is earned by
-- day, and counts towards the price when the right lapses.

with

accrued as (

    select
        entity_id,
        arrangement_id,
        contract_id,
        economic_date,
        is_lease,
        sum(interest_minor) over (
            partition by entity_id, arrangement_id, contract_id, is_lease order by economic_date
        ) as interest_to_date_minor
    from (
        select
            entity_id,
            arrangement_id,
            contract_id,
            economic_date,
            side = 'lease' as is_lease,
            sum(interest_minor) as interest_minor
        from {{ ref('int_financing__accrued') }}
        where side in ('customer', 'repurchase', 'lease')
        group by entity_id, arrangement_id, contract_id, economic_date, side = 'lease'
    ) as daily

),

segments as (

    select segments.*
    from {{ ref('int_obligations__segments') }} as segments
    where
        exists (
            select 1
            from accrued
            where accrued.entity_id = segments.entity_id and accrued.contract_id = segments.contract_id
        )

),

steps as (

    select * from {{ ref('int_progress__steps') }}

),

dates as (

    select
        entity_id,
        obligation_id,
        economic_date
    from {{ ref('int_revenue__dates') }}
    union
    select
        segments.entity_id,
        segments.obligation_id,
        accrued.economic_date
    from segments
    inner join accrued
        on segments.entity_id = accrued.entity_id and segments.contract_id = accrued.contract_id and accrued.is_lease

),

-- Share of the contract's price that has passed to the customer by each day.
evaluated as (

    select
        segments.entity_id,
        segments.performing_entity_id,
        segments.arrangement_id,
        segments.package_id,
        segments.contract_id,
        segments.obligation_id,
        segments.obligation_key,
        segments.contract_version,
        segments.revenue_role,
        segments.currency_code,
        segments.rounding_unit_minor,
        dates.economic_date,
        segments.allocated_minor,
        sum(segments.allocated_minor) over (partition by segments.entity_id, segments.contract_id, dates.economic_date)
            as contract_price_minor,
        {{ recognized_through('segments', 'dates.economic_date', 'steps') }} as recognized_minor,
        coalesce((
            select accrued.interest_to_date_minor
            from accrued
            where
                accrued.entity_id = segments.entity_id
                and accrued.contract_id = segments.contract_id
                and accrued.economic_date <= dates.economic_date
                and not accrued.is_lease
            order by accrued.economic_date desc
            limit 1
        ), 0) as interest_minor,
        -- Until the right lapses.
        coalesce((
            select -accrued.interest_to_date_minor
            from accrued
            where
                accrued.entity_id = segments.entity_id
                and accrued.contract_id = segments.contract_id
                and accrued.economic_date <= dates.economic_date
                and accrued.is_lease
                and not exists (
                    select 1
                    from {{ ref('int_contracts__gates') }} as gates
                    where
                        gates.entity_id = segments.entity_id
                        and gates.contract_id = segments.contract_id
                        and gates.gate = 'repurchase'
                        and gates.opened_date <= dates.economic_date
                )
            order by accrued.economic_date desc
            limit 1
        ), 0) as lease_minor
    from dates
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

),

running as (

    select
        *,
        case
            when contract_price_minor = 0 then 0
            else {{ round_to_unit('interest_minor', 'recognized_minor', 'contract_price_minor', 'rounding_unit_minor') }}
        end as financed_minor,
        case
            when contract_price_minor = 0 then 0
            else {{ round_to_unit('lease_minor', 'allocated_minor', 'contract_price_minor', 'rounding_unit_minor') }}
        end as leased_minor
    from evaluated

),

parts as (

    select
        *,
        'financing' as component,
        financed_minor as part_minor
    from running
    union all
    select
        *,
        'lease' as component,
        leased_minor as part_minor
    from running
    where exists (
        select 1
        from accrued
        where accrued.entity_id = running.entity_id and accrued.contract_id = running.contract_id and accrued.is_lease
    )

),

final as (

    select
        obligation_id || ':' || contract_version || ':' || component || ':' || economic_date as schedule_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        obligation_id,
        obligation_key,
        contract_version,
        component,
        revenue_role,
        economic_date,
        currency_code,
        lag(part_minor, 1, 0::bigint) over (
            partition by entity_id, obligation_id, component order by economic_date
        ) as recognized_before_minor,
        part_minor as recognized_to_date_minor
    from parts

)

select * from final
