-- What performance moves: revenue and what is withheld from it, costs, interest, and, where the receivable
-- follows performance, the claim itself.

with

arrangements as (

    select * from {{ ref('int_contracts__arrangements') }}

),

revenue as (

    select
        schedule.entity_id as billing_entity_id,
        coalesce(schedule.performing_entity_id, schedule.entity_id) as entity_id,
        schedule.contract_id,
        coalesce(schedule.arrangement_id, schedule.contract_id) as arrangement_id,
        schedule.obligation_id,
        schedule.component,
        schedule.economic_date,
        schedule.currency_code,
        schedule.revenue_role,
        schedule.recognized_minor
    from {{ ref('int_revenue__scheduled') }} as schedule

),

withheld as (

    select
        entity_id as billing_entity_id,
        coalesce(performing_entity_id, entity_id) as entity_id,
        contract_id,
        arrangement_id,
        obligation_id,
        kind,
        economic_date,
        currency_code,
        withheld_minor
    from {{ ref('int_revenue__withheld') }}

),

financed as (

    select * from {{ ref('int_financing__accrued') }}

),

policies as (

    select * from {{ ref('int_policies__in_force') }}

),

recognized as (

    select
        entity_id,
        billing_entity_id,
        contract_id,
        arrangement_id,
        obligation_id,
        case component when 'fixed' then 'recognition' else component end as movement,
        economic_date,
        currency_code,
        'contract_liability' as debit_role,
        revenue_role as credit_role,
        recognized_minor as amount_minor
    from revenue

),

held_back as (

    select
        entity_id,
        billing_entity_id,
        contract_id,
        arrangement_id,
        obligation_id,
        kind as movement,
        economic_date,
        currency_code,
        'contract_liability' as debit_role,
        case kind
            when 'returns' then 'refund_liability'
            when 'rebate' then 'refund_liability'
            when 'payable' then 'customer_incentive_asset'
            when 'agent' then 'supplier_payable'
        end as credit_role,
        withheld_minor as amount_minor
    from withheld

),

-- Value that has passed is claimed whole, also what is owed on or expected back. Interest a customer
-- earns is not: it is in the liability already. Pieces in tiers are claimed at the tier they fall into, while
-- revenue takes the average price.
passed as (

    select
        entity_id,
        billing_entity_id,
        contract_id,
        arrangement_id,
        obligation_id,
        economic_date,
        currency_code,
        recognized_minor as amount_minor
    from revenue
    where component not in ('financing', 'lease')
    union all
    select
        entity_id,
        billing_entity_id,
        contract_id,
        arrangement_id,
        obligation_id,
        economic_date,
        currency_code,
        withheld_minor as amount_minor
    from withheld
    union all
    select
        performing_entity_id as entity_id,
        entity_id as billing_entity_id,
        contract_id,
        arrangement_id,
        obligation_id,
        economic_date,
        currency_code,
        claimed_to_date_minor - gross_to_date_minor - lag(claimed_to_date_minor - gross_to_date_minor, 1, 0::bigint) over (
            partition by entity_id, contract_id, line_id, component order by economic_date
        ) as amount_minor
    from {{ ref('int_usage__rated') }}

),

claimed as (

    select
        passed.billing_entity_id as entity_id,
        passed.billing_entity_id,
        passed.contract_id,
        passed.arrangement_id,
        passed.obligation_id,
        'claim' as movement,
        passed.economic_date,
        passed.currency_code,
        'receivable' as debit_role,
        'contract_liability' as credit_role,
        passed.amount_minor
    from passed
    inner join policies
        on
            passed.billing_entity_id = policies.entity_id
            and passed.economic_date >= policies.effective_from
            and passed.economic_date < coalesce(policies.effective_until, 'infinity'::date)
            and policies.receivable_trigger = 'performance'

),

claimed_for_others as (

    select
        sides.entity_id,
        passed.billing_entity_id,
        passed.contract_id,
        passed.arrangement_id,
        passed.obligation_id,
        'intercompany' as movement,
        passed.economic_date,
        passed.currency_code,
        sides.debit_role,
        sides.credit_role,
        passed.amount_minor
    from passed
    inner join policies
        on
            passed.billing_entity_id = policies.entity_id
            and passed.economic_date >= policies.effective_from
            and passed.economic_date < coalesce(policies.effective_until, 'infinity'::date)
            and policies.receivable_trigger = 'performance'
    cross join
        lateral (
            values
            (passed.billing_entity_id, 'contract_liability', 'due_to_entity'),
            (passed.entity_id, 'due_from_entity', 'contract_liability')
        ) as sides (entity_id, debit_role, credit_role)
    where passed.entity_id <> passed.billing_entity_id

),

costs as (

    select
        entity_id,
        entity_id as billing_entity_id,
        contract_id,
        arrangement_id,
        obligation_id,
        economic_date,
        currency_code,
        cost_minor,
        return_asset_minor
    from {{ ref('int_costs__transferred') }}

),

costed as (

    select
        costs.entity_id,
        costs.billing_entity_id,
        costs.contract_id,
        costs.arrangement_id,
        costs.obligation_id,
        'cost' as movement,
        costs.economic_date,
        costs.currency_code,
        parts.debit_role,
        parts.credit_role,
        parts.amount_minor
    from costs
    cross join lateral (
        values
        ('return_asset', 'inventory', case when costs.cost_minor <> 0 then costs.return_asset_minor else 0 end),
        ('cost_of_sales', 'inventory', case when costs.cost_minor <> 0 then costs.cost_minor - costs.return_asset_minor else 0 end),
        -- Goods nobody will bring back, or more than was thought.
        ('cost_of_sales', 'return_asset', case when costs.cost_minor = 0 then -costs.return_asset_minor else 0 end)
    ) as parts (debit_role, credit_role, amount_minor)

),

interest as (

    select
        financed.entity_id,
        financed.entity_id as billing_entity_id,
        financed.contract_id,
        financed.arrangement_id,
        '' as obligation_id,
        'interest' as movement,
        financed.economic_date,
        financed.currency_code,
        case
            when financed.side = 'lease' then 'contract_liability'
            when financed.side <> 'entity' then 'interest_expense'
            -- Invoices of instalments carry the interest: it is earned against them.
            when coalesce(policies.receivable_trigger, 'invoice_issued') = 'performance' then 'receivable'
            else 'contract_liability'
        end as debit_role,
        case financed.side
            when 'entity' then 'interest_income'
            when 'customer' then 'contract_liability'
            when 'repurchase' then 'financial_liability'
            when 'lease' then 'financial_liability'
        end as credit_role,
        financed.interest_minor as amount_minor
    from financed
    left join policies
        on
            financed.entity_id = policies.entity_id
            and financed.economic_date >= policies.effective_from
            and financed.economic_date < coalesce(policies.effective_until, 'infinity'::date)

),

-- The right to buy back has lapsed: the interest on the customer's money is part of the price, and what was
-- earned by leasing counts towards it.
interest_released as (

    select
        financed.entity_id,
        financed.entity_id as billing_entity_id,
        financed.contract_id,
        financed.arrangement_id,
        '' as obligation_id,
        'deposit_release' as movement,
        greatest(gates.opened_date, financed.economic_date) as economic_date,
        financed.currency_code,
        'financial_liability' as debit_role,
        'contract_liability' as credit_role,
        financed.interest_minor as amount_minor
    from financed
    inner join {{ ref('int_contracts__gates') }} as gates
        on
            financed.entity_id = gates.entity_id
            and financed.contract_id = gates.contract_id
            and gates.gate = 'repurchase'
            and gates.opened_date is not null
    where financed.side in ('repurchase', 'lease')

),

-- Consideration payable to a customer is paid on its day; for a distinct good it is a purchase, not ours.
incentives as (

    select distinct on (events.entity_id, events.contract_id, events.payable_date)
        events.entity_id,
        events.entity_id as billing_entity_id,
        events.contract_id,
        coalesce(arrangements.arrangement_id, events.contract_id) as arrangement_id,
        '' as obligation_id,
        'incentive' as movement,
        events.payable_date as economic_date,
        events.currency_code,
        'customer_incentive_asset' as debit_role,
        'cash' as credit_role,
        events.payable_minor as amount_minor
    from {{ ref('stg_canonical__contract_events') }} as events
    left join arrangements
        on events.entity_id = arrangements.entity_id and events.contract_id = arrangements.contract_id
    where
        events.payable_minor is not null
        and events.payable_date is not null
        and not coalesce(events.payable_is_for_distinct_good, false)
    order by
        events.entity_id asc, events.contract_id asc, events.payable_date asc, events.contract_version desc,
        events.event_id asc

),

final as (

    select * from recognized
    union all
    select * from held_back
    union all
    select * from claimed
    union all
    select * from claimed_for_others
    union all
    select * from costed
    union all
    select * from interest
    union all
    select * from interest_released
    union all
    select * from incentives

)

select * from final
where amount_minor <> 0
