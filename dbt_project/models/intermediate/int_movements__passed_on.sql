-- What an agent has claimed for its supplier and not passed yet: the supplier's from the day of the claim, never the
-- agent's own contract liability (ASC 606-10-55-38). As performance books the same share, it falls.

with

documented as (

    select * from {{ ref('int_movements__documented') }}

),

lines as (

    select distinct on (entity_id, contract_id, line_id)
        entity_id,
        contract_id,
        arrangement_id,
        line_id,
        amount_minor,
        case when is_agent then amount_minor - price_minor else 0 end as passed_minor
    from {{ ref('int_contracts__lines') }}
    where not is_priced_by_use and line_action in ('stated', 'added')
    order by entity_id asc, contract_id asc, line_id asc, effective_date desc, event_id asc

),

contracts as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        sum(amount_minor) as amount_minor,
        sum(passed_minor) as passed_minor
    from lines
    group by entity_id, contract_id, arrangement_id
    having sum(passed_minor) > 0 and sum(amount_minor) > 0

),

-- The supplier's part of each invoice, by the lines it bills.
invoices as (

    select
        invoices.entity_id,
        invoices.invoice_id,
        sum(details.amount_minor) as amount_minor,
        sum(details.amount_minor::numeric * coalesce(lines.passed_minor, 0) / nullif(lines.amount_minor, 0)) as passed_minor
    from {{ ref('stg_canonical__invoice_events') }} as invoices
    inner join {{ ref('stg_canonical__invoice_lines') }} as details on invoices.event_id = details.event_id
    inner join contracts
        on invoices.entity_id = contracts.entity_id and invoices.contract_id = contracts.contract_id
    left join lines
        on
            invoices.entity_id = lines.entity_id
            and invoices.contract_id = lines.contract_id
            and details.contract_line_id = lines.line_id
    where invoices.event_type = 'invoice.posted'
    group by invoices.entity_id, invoices.invoice_id
    having sum(details.amount_minor) <> 0

),

changes as (

    -- Invoices by their lines.
    select
        contracts.entity_id,
        contracts.arrangement_id,
        documented.currency_code,
        documented.economic_date,
        documented.amount_minor * coalesce(invoices.passed_minor, 0) / invoices.amount_minor as claimed_minor,
        0::numeric as passed_minor
    from documented
    inner join contracts
        on documented.entity_id = contracts.entity_id and documented.contract_id = contracts.contract_id
    inner join invoices
        on documented.entity_id = invoices.entity_id and documented.invoice_id = invoices.invoice_id
    where documented.movement in ('billing', 'void')
    union all
    -- Credits and cash ahead of claims by the whole contract.
    select
        contracts.entity_id,
        contracts.arrangement_id,
        moved.currency_code,
        moved.economic_date,
        moved.amount_minor * contracts.passed_minor::numeric / contracts.amount_minor as claimed_minor,
        0::numeric as passed_minor
    from (
        select
            entity_id,
            contract_id,
            currency_code,
            economic_date,
            -amount_minor as amount_minor
        from documented
        where movement = 'credit' and debit_role = 'contract_liability'
        union all
        select
            entity_id,
            contract_id,
            currency_code,
            economic_date,
            amount_minor
        from {{ ref('int_movements__applied') }}
        where movement = 'advance'
    ) as moved
    inner join contracts
        on moved.entity_id = contracts.entity_id and moved.contract_id = contracts.contract_id
    union all
    select
        performed.entity_id,
        performed.arrangement_id,
        performed.currency_code,
        performed.economic_date,
        0::numeric as claimed_minor,
        performed.amount_minor as passed_minor
    from {{ ref('int_movements__performed') }} as performed
    inner join contracts
        on performed.entity_id = contracts.entity_id and performed.contract_id = contracts.contract_id
    where performed.credit_role = 'supplier_payable'

),

standings as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        greatest(round(sum(sum(claimed_minor)) over to_date) - sum(sum(passed_minor)) over to_date, 0) as standing_minor
    from changes
    group by entity_id, arrangement_id, currency_code, economic_date
    window to_date as (partition by entity_id, arrangement_id, currency_code order by economic_date)

),

moved as (

    select
        *,
        (standing_minor - lag(standing_minor, 1, 0::numeric) over (
            partition by entity_id, arrangement_id, currency_code order by economic_date
        ))::bigint as amount_minor
    from standings

),

final as (

    select
        entity_id,
        arrangement_id as contract_id,
        arrangement_id,
        currency_code,
        economic_date,
        'passed_on' as movement,
        'contract_liability' as debit_role,
        'supplier_payable' as credit_role,
        amount_minor
    from moved
    where amount_minor <> 0

)

select * from final
