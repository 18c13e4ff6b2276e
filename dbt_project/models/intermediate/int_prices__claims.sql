-- What the entity may keep when a contract is terminated: what was billed (or, where nothing is billed, paid),
-- before the books began too, less what goes back. What is neither billed nor earned is no longer owed by anyone.
-- ASC 606-10-25-13a: the end of the remaining promises is a change of the contract.

with

changes as (

    select * from {{ ref('int_contracts__changes') }}
    where change_kind = 'termination'

),

refunds as (

    select
        event_id,
        refund_minor
    from {{ ref('stg_canonical__contract_events') }}

),

voided as (

    select distinct
        entity_id,
        invoice_id
    from {{ ref('stg_canonical__invoice_events') }}
    where event_type = 'invoice.voided'

),

by_use as (

    select distinct
        entity_id,
        contract_id,
        line_id
    from {{ ref('int_contracts__line_terms') }}
    where is_priced_by_use

),

billed as (

    select
        invoices.entity_id,
        invoices.contract_id,
        sum(details.amount_minor) as billed_minor
    from {{ ref('stg_canonical__invoice_events') }} as invoices
    inner join {{ ref('stg_canonical__invoice_lines') }} as details on invoices.event_id = details.event_id
    left join voided
        on invoices.entity_id = voided.entity_id and invoices.invoice_id = voided.invoice_id
    left join by_use
        on
            invoices.entity_id = by_use.entity_id
            and invoices.contract_id = by_use.contract_id
            and details.contract_line_id = by_use.line_id
    where invoices.event_type = 'invoice.posted' and voided.invoice_id is null and by_use.line_id is null
    group by invoices.entity_id, invoices.contract_id

),

paid as (

    select
        entity_id,
        contract_id,
        sum(case event_type when 'payment.settled' then amount_minor else -amount_minor end) as paid_minor
    from {{ ref('stg_canonical__payment_events') }}
    where event_type in ('payment.settled', 'payment.refunded') and contract_id is not null
    group by entity_id, contract_id

),

-- Claimed before the first event: the opening position of the books' only arrangement.
opened as (

    select
        entity_id,
        arrangement_id,
        sum(case debit_role when 'contract_liability' then -amount_minor when 'deposit_liability' then -amount_minor else 0 end)
            as opened_minor
    from {{ ref('int_movements__opened') }}
    group by entity_id, arrangement_id

),

credited as (

    select
        entity_id,
        contract_id,
        coalesce(sum(amount_minor) filter (where not is_after_end and credit_kind = 'credit'), 0) as before_minor,
        coalesce(sum(amount_minor) filter (where is_after_end), 0) as after_minor
    from {{ ref('int_prices__credits') }}
    group by entity_id, contract_id

),

-- What a contract of a package was priced at by itself; its obligations carry a share of the whole.
package_prices as (

    select
        lines.entity_id,
        lines.contract_id,
        sum(lines.price_minor)::bigint as price_minor
    from {{ ref('int_contracts__line_terms') }} as lines
    inner join (
        select
            entity_id,
            package_id
        from {{ ref('int_contracts__arrangements') }}
        group by entity_id, package_id
        having count(*) > 1
    ) as packages
        on lines.entity_id = packages.entity_id and lines.package_id = packages.package_id
    where lines.until_version_no is null and not lines.is_removed and not lines.is_priced_by_use
    group by lines.entity_id, lines.contract_id

),

final as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        (
            case
                when gates.contract_id is not null then coalesce(paid.paid_minor, 0)
                else coalesce(billed.billed_minor, paid.paid_minor, 0)
            end
            + coalesce(opened.opened_minor, 0)
            - coalesce(credited.before_minor, 0)
            - greatest(refunds.refund_minor, coalesce(credited.after_minor, 0))
        )::bigint as claim_minor,
        package_prices.price_minor as package_price_minor,
        -- Who gives money back has no claim left beyond what was billed.
        greatest(refunds.refund_minor, coalesce(credited.after_minor, 0)) > 0 as is_final
    from changes
    inner join refunds on changes.event_id = refunds.event_id
    left join billed
        on changes.entity_id = billed.entity_id and changes.contract_id = billed.contract_id
    left join paid
        on changes.entity_id = paid.entity_id and changes.contract_id = paid.contract_id
    -- While collection was not probable nothing but cash was recorded.
    left join {{ ref('int_contracts__gates') }} as gates
        on
            changes.entity_id = gates.entity_id
            and changes.contract_id = gates.contract_id
            and gates.gate = 'collectability'
            and changes.effective_date = gates.opened_date
    left join package_prices
        on changes.entity_id = package_prices.entity_id and changes.contract_id = package_prices.contract_id
    left join opened
        on changes.entity_id = opened.entity_id and changes.arrangement_id = opened.arrangement_id
    left join credited
        on changes.entity_id = credited.entity_id and changes.contract_id = credited.contract_id

)

select * from final
