-- What happened in each month, as debit role and credit role, before contract assets are told apart from
-- contract liabilities. Every contract has one position (ASC 606-10-45-1): billing credits it, revenue
-- debits it.

with

documents as (

    select * from {{ ref('int_documents__classified') }}

),

reportable as (

    select
        entity_id,
        first_period,
        last_period
    from {{ ref('ref_legal_entities') }}

),

billed as (

    select
        entity_id,
        contract_id,
        '' as obligation_id,
        case document_type when 'invoice' then 'billing' else 'void' end as movement,
        economic_period,
        currency_code,
        'receivable' as debit_role,
        'contract_liability' as credit_role,
        amount_minor
    from documents
    where document_type in ('invoice', 'void')

),

taxed as (

    select
        entity_id,
        contract_id,
        '' as obligation_id,
        case document_type when 'invoice' then 'tax' else 'void_tax' end as movement,
        economic_period,
        currency_code,
        'receivable' as debit_role,
        'tax_payable' as credit_role,
        tax_minor as amount_minor
    from documents
    where document_type in ('invoice', 'void')

),

credited as (

    select
        entity_id,
        contract_id,
        '' as obligation_id,
        'credit' as movement,
        economic_period,
        currency_code,
        case
            when cause is null then 'suspense_credit'
            when treatment = 'contra_revenue' then 'concessions'
            else treatment
        end as debit_role,
        'receivable' as credit_role,
        amount_minor
    from documents
    where document_type in ('credit', 'credit_void')

),

credited_tax as (

    select
        entity_id,
        contract_id,
        '' as obligation_id,
        'credit_tax' as movement,
        economic_period,
        currency_code,
        'tax_payable' as debit_role,
        'receivable' as credit_role,
        tax_minor as amount_minor
    from documents
    where document_type in ('credit', 'credit_void')

),

paid as (

    select
        entity_id,
        contract_id,
        '' as obligation_id,
        document_type as movement,
        economic_period,
        currency_code,
        case document_type when 'payment' then 'cash' else 'receivable' end as debit_role,
        case document_type when 'payment' then 'receivable' else 'cash' end as credit_role,
        amount_minor
    from documents
    where document_type in ('payment', 'refund')

),

recognized as (

    select
        entity_id,
        contract_id,
        obligation_id,
        case component when 'fixed' then 'recognition' else component end as movement,
        economic_period,
        currency_code,
        'contract_liability' as debit_role,
        revenue_role as credit_role,
        recognized_minor as amount_minor
    from {{ ref('int_revenue__scheduled') }}

),

everything as (

    select * from billed
    union all
    select * from taxed
    union all
    select * from credited
    union all
    select * from credited_tax
    union all
    select * from paid
    union all
    select * from recognized

),

final as (

    select
        everything.entity_id,
        everything.contract_id,
        everything.obligation_id,
        everything.movement,
        everything.economic_period,
        everything.currency_code,
        everything.debit_role,
        everything.credit_role,
        sum(everything.amount_minor)::bigint as amount_minor
    from everything
    inner join reportable
        on
            everything.entity_id = reportable.entity_id
            and everything.economic_period between reportable.first_period and reportable.last_period
    group by
        everything.entity_id, everything.contract_id, everything.obligation_id, everything.movement,
        everything.economic_period, everything.currency_code, everything.debit_role, everything.credit_role
    having sum(everything.amount_minor) <> 0

)

select * from final
