-- What each document moves by itself, as debit role and credit role.
--
-- Cash settles the receivable here; int_movements__applied moves on what met no claim. counts_as tells
-- the two sides apart: a claim, or money that settles claims. Money of an arrangement as a whole is
-- is_pooled, other money settles the invoice it names. Where the receivable follows performance or
-- payment, an invoice claims no more than its tax, a credit that lowers the price needs no entry for
-- it (price, revenue and claim fall by themselves), and a disputed payment has not been made.

with

documents as (

    select
        *,
        receivable_trigger in ('invoice_issued', 'due_date') as is_claimed_by_invoice,
        coalesce(treatment, '') = 'bad_debt_expense' as is_credit_loss,
        receivable_trigger in ('performance', 'payment') or (invoice_id is null and has_contract) as is_pooled,
        -- Where only cash counts there is no receivable, at most a contract asset.
        case receivable_trigger when 'payment' then 'contract_liability' else 'receivable' end as claimed_role,
        case
            when gate in ('collectability', 'signature') then 'deposit_liability'
            when gate = 'repurchase' then 'financial_liability'
            -- Cash of nobody we have a contract with (ASC 606-10-25-8).
            when invoice_id is null and not has_contract then 'deposit_liability'
        end as held_role
    from {{ ref('int_documents__classified') }}

),

settled as (

    select * from {{ ref('int_documents__settled') }}

),

notes as (

    select
        documents.entity_id,
        documents.document_id,
        bool_or(settled.settled_role = 'customer_credit') as is_owed_to_customer
    from documents
    inner join settled on documents.entity_id = settled.entity_id and documents.event_id = settled.event_id
    where documents.document_type = 'credit'
    group by documents.entity_id, documents.document_id

),

billed as (

    select
        entity_id,
        document_type,
        event_id,
        case document_type when 'invoice' then 'billing' else 'void' end as movement,
        economic_date,
        'receivable' as debit_role,
        'contract_liability' as credit_role,
        'claim' as counts_as,
        true as is_stated,
        amount_minor
    from documents
    where document_type in ('invoice', 'void') and is_claimed_by_invoice

),

taxed as (

    select
        entity_id,
        document_type,
        event_id,
        case document_type when 'invoice' then 'tax' else 'void_tax' end as movement,
        tax_date as economic_date,
        claimed_role as debit_role,
        'tax_payable' as credit_role,
        'claim' as counts_as,
        true as is_stated,
        tax_minor as amount_minor
    from documents
    where document_type in ('invoice', 'void')

),

credits as (

    select
        documents.entity_id,
        documents.document_type,
        documents.event_id,
        documents.economic_date,
        documents.tax_date,
        documents.claimed_role,
        documents.is_claimed_by_invoice,
        settled.line_no > 0 as is_stated,
        case
            when documents.treatment in ('contract_liability', 'price') then 'contract_liability'
            when documents.treatment = 'contra_revenue' then 'concessions'
            else documents.treatment
        end as treated_role,
        case when documents.is_claimed_by_invoice then settled.settled_role else documents.claimed_role end as credited_role,
        settled.settled_role,
        settled.amount_minor,
        settled.tax_minor,
        settled.gross_minor
    from documents
    inner join settled on documents.entity_id = settled.entity_id and documents.event_id = settled.event_id

),

credited as (

    select
        entity_id,
        document_type,
        event_id,
        'credit' as movement,
        economic_date,
        treated_role as debit_role,
        credited_role as credit_role,
        'claim' as counts_as,
        is_stated,
        amount_minor
    from credits
    where is_claimed_by_invoice or treated_role <> 'contract_liability'

),

credited_tax as (

    select
        entity_id,
        document_type,
        event_id,
        'credit_tax' as movement,
        tax_date as economic_date,
        'tax_payable' as debit_role,
        credited_role as credit_role,
        'claim' as counts_as,
        is_stated,
        tax_minor as amount_minor
    from credits

),

-- The claim fell by itself; what was paid on it is owed to the customer.
credited_back as (

    select
        entity_id,
        document_type,
        event_id,
        'credit' as movement,
        economic_date,
        'receivable' as debit_role,
        settled_role as credit_role,
        'money' as counts_as,
        true as is_stated,
        gross_minor as amount_minor
    from credits
    where not is_claimed_by_invoice and settled_role <> 'receivable'

),

paid as (

    select
        documents.entity_id,
        documents.document_type,
        documents.event_id,
        documents.document_type as movement,
        documents.economic_date,
        case
            when documents.document_type = 'payment' then 'cash'
            when documents.document_type = 'refund' and notes.is_owed_to_customer then 'customer_credit'
            when documents.document_type = 'refund' then coalesce(documents.held_role, 'receivable')
            else 'customer_credit'
        end as debit_role,
        case documents.document_type
            when 'refund' then 'cash'
            when 'payment' then coalesce(documents.held_role, 'receivable')
            else 'receivable'
        end as credit_role,
        'money' as counts_as,
        true as is_stated,
        documents.amount_minor
    from documents
    left join notes
        on
            documents.document_type = 'refund'
            and documents.entity_id = notes.entity_id
            and documents.related_id = notes.document_id
    where documents.document_type in ('payment', 'refund', 'credit_applied')

),

-- The contract has become one: what was held settles its claims.
released as (

    select
        entity_id,
        document_type,
        event_id,
        'deposit_release' as movement,
        opened_date as economic_date,
        held_role as debit_role,
        'receivable' as credit_role,
        'money' as counts_as,
        true as is_stated,
        case document_type when 'payment' then amount_minor else -amount_minor end as amount_minor
    from documents
    where document_type in ('payment', 'refund') and gate is not null and opened_date is not null

),

disputed as (

    select
        entity_id,
        document_type,
        event_id,
        document_type as movement,
        economic_date,
        case
            when document_type = 'dispute_won' then 'cash'
            when is_claimed_by_invoice then 'disputed_receivable'
            else 'receivable'
        end as debit_role,
        case
            when document_type = 'dispute_opened' then 'cash'
            when is_claimed_by_invoice then 'disputed_receivable'
            else 'receivable'
        end as credit_role,
        'money' as counts_as,
        true as is_stated,
        amount_minor
    from documents
    where document_type in ('dispute_opened', 'dispute_won')

),

-- A lost dispute is a concession: the price and its revenue fall (int_prices__credits). Where policy takes it
-- for a loss of credit, it is an expense, tax included.
lost as (

    select
        entity_id,
        document_type,
        event_id,
        document_type as movement,
        economic_date,
        case when is_credit_loss then 'bad_debt_expense' else 'contract_liability' end as debit_role,
        case when is_claimed_by_invoice then 'disputed_receivable' else claimed_role end as credit_role,
        'claim' as counts_as,
        true as is_stated,
        case when is_credit_loss then amount_minor + tax_minor else amount_minor end as amount_minor
    from documents
    where document_type = 'dispute_lost' and (is_claimed_by_invoice or is_credit_loss)

),

lost_tax as (

    select
        entity_id,
        document_type,
        event_id,
        'dispute_lost_tax' as movement,
        economic_date,
        'tax_payable' as debit_role,
        case when is_claimed_by_invoice then 'disputed_receivable' else claimed_role end as credit_role,
        'claim' as counts_as,
        true as is_stated,
        tax_minor as amount_minor
    from documents
    where document_type = 'dispute_lost' and not is_credit_loss

),

impaired as (

    select
        entity_id,
        document_type,
        event_id,
        document_type as movement,
        economic_date,
        case document_type when 'write_off' then 'bad_debt_expense' else 'cash' end as debit_role,
        case document_type when 'write_off' then claimed_role else 'bad_debt_expense' end as credit_role,
        'claim' as counts_as,
        true as is_stated,
        amount_minor
    from documents
    where document_type in ('write_off', 'recovery')

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
    select * from credited_back
    union all
    select * from paid
    union all
    select * from released
    union all
    select * from disputed
    union all
    select * from lost
    union all
    select * from lost_tax
    union all
    select * from impaired

),

final as (

    select
        everything.entity_id,
        everything.document_type,
        everything.event_id,
        documents.contract_id,
        documents.arrangement_id,
        documents.invoice_id,
        everything.movement,
        everything.economic_date,
        documents.currency_code,
        everything.debit_role,
        everything.credit_role,
        everything.counts_as,
        everything.is_stated,
        documents.is_pooled,
        everything.amount_minor
    from everything
    inner join documents
        on
            everything.entity_id = documents.entity_id
            and everything.document_type = documents.document_type
            and everything.event_id = documents.event_id
    -- What still waits for its day moves nothing.
    where everything.economic_date is not null and everything.amount_minor <> 0

)

select * from final
