-- canonical: what the deliveries mean, in one vocabulary. Append-only; known_seq is the axis of what was known when.
-- Money is bigint minor units beside currency_code. Dates are inclusive unless named _until.
create schema canonical;

create domain canonical.currency as text check (value ~ '^[A-Z]{3}$');

create table canonical.envelope (               -- template for the event tables; holds no rows itself
    event_id text not null,                     -- hash of source, object and version
    event_type text not null,
    source_system text not null,
    source_object text not null,
    source_id text not null,
    source_version text not null,               -- hash of the canonical content, or the source's own version
    occurred_at timestamptz not null,           -- economic time, UTC
    recorded_at timestamptz not null,           -- when the source wrote it
    known_seq bigint not null,                  -- landing.inbox_log.log_seq
    inbox_id bigint not null,
    entity_id text not null,                    -- legal entity
    payload_hash text not null,                 -- sha256 of the bytes in the inbox
    raw_uri text not null,                      -- inbox:<inbox_id>
    schema_version text not null,
    adapter_version text not null
);

create table canonical.contract_event (
    like canonical.envelope including constraints,
    contract_id text not null,
    contract_version integer not null check (contract_version >= 1),  -- as the source counts; order is (effective_date, known_seq)
    customer_id text not null,
    currency_code canonical.currency not null,
    signed_date date not null,
    effective_date date not null,               -- first day on these terms; of a termination: first day without service
    end_date date,                              -- last day of the term, null = evergreen
    term_months integer check (term_months > 0),        -- of an evergreen contract: length of one renewing term
    replaces_contract_id text,                  -- renewal of
    supersedes_from_date date,                  -- renewal decided to cut the old term: its first superseded day
    refund_minor bigint not null default 0,     -- of a termination: what goes back, >= 0, ex tax
    primary key (event_id),
    check (event_type in ('contract.signed', 'contract.amended', 'contract.renewed', 'contract.terminated')),
    check (end_date is null or end_date >= effective_date or event_type = 'contract.terminated')
);
-- All lines of the contract on the terms of this event; a terminated event has none.
create table canonical.contract_line (
    event_id text not null references canonical.contract_event (event_id),
    line_no integer not null,
    line_id text not null,                      -- stable across the versions of the contract
    obligation_key text not null,               -- lines that share it are one performance obligation; default line_id
    product_code text not null,                 -- recognised as reference.ref_products says
    quantity numeric(38, 12) not null,
    amount_minor bigint not null,               -- price of the line from the contract's start to service_end, ex tax, all versions
    ssp_minor bigint,                           -- standalone price of what this event promises (from effective_date on); null: use the seed
    service_start_date date not null,
    service_end_date date,                      -- null on evergreen contracts: amount_minor is then the price of one term
    price_ref text,                             -- price version the contract states, to catch stale invoices
    usage_meter text,                           -- usage lines: meter that is priced
    unit_price_minor numeric(38, 12),           -- usage lines: minor units per unit, exact
    included_quantity numeric(38, 12) not null default 0,  -- usage lines: units per calendar month inside the fixed price
    primary key (event_id, line_no),
    unique (event_id, line_id),
    check (service_end_date is null or service_end_date >= service_start_date)
);
create table canonical.entitlement_event (
    like canonical.envelope including constraints,
    contract_id text not null,
    line_id text not null,
    customer_id text not null,
    meter text not null,
    from_date date not null,
    to_date date,                               -- inclusive, null = open
    is_trial boolean not null default false,
    primary key (event_id),
    check (event_type in ('entitlement.granted', 'entitlement.changed', 'entitlement.revoked'))
);
create table canonical.invoice_event (
    like canonical.envelope including constraints,
    invoice_id text not null,
    invoice_number text,
    contract_id text,                           -- null: the document names none
    customer_id text not null,
    currency_code canonical.currency not null,
    issued_date date not null,
    due_date date,
    primary key (event_id),
    check (event_type in ('invoice.posted', 'invoice.voided', 'invoice.uncollectible'))
);
create table canonical.invoice_line (
    event_id text not null references canonical.invoice_event (event_id),
    line_no integer not null,
    invoice_line_id text not null,
    contract_line_id text,
    product_code text,
    quantity numeric(38, 12),
    amount_minor bigint not null,               -- ex tax; negative credits
    tax_minor bigint not null,
    period_start_date date,
    period_end_date date,                       -- inclusive
    price_ref text,                             -- price version the biller used
    is_proration boolean not null default false,
    primary key (event_id, line_no)
);
create table canonical.usage_event (
    like canonical.envelope including constraints,
    usage_id text not null,
    customer_id text not null,
    contract_id text,                           -- when the source names it
    meter text not null,
    quantity numeric(38, 12) not null,
    usage_at timestamptz not null,
    usage_date date not null,                   -- usage_at in the entity's accounting time zone
    is_collision boolean not null default false,  -- same usage_id, other content: neither earns until decided
    primary key (event_id),
    check (event_type = 'usage.recorded')
);
create table canonical.credit_event (
    like canonical.envelope including constraints,
    credit_id text not null,
    invoice_id text,
    contract_id text,
    customer_id text not null,
    currency_code canonical.currency not null,
    issued_date date not null,
    cause text check (cause in ('modification', 'concession', 'billing_error', 'goodwill', 'bad_debt', 'dispute')),
    amount_minor bigint not null check (amount_minor >= 0),  -- ex tax; positive lowers what the customer owes
    tax_minor bigint not null check (tax_minor >= 0),
    primary key (event_id),
    check (event_type in ('credit.issued', 'credit.voided'))
);
create table canonical.payment_event (
    like canonical.envelope including constraints,
    payment_id text not null,
    invoice_id text,
    contract_id text,
    customer_id text not null,
    currency_code canonical.currency not null,
    paid_date date not null,
    amount_minor bigint not null check (amount_minor >= 0),  -- incl. tax; direction by event_type
    primary key (event_id),
    check (event_type in ('payment.settled', 'payment.refunded'))
);
create table canonical.fulfilment_event (
    like canonical.envelope including constraints,
    fulfilment_id text not null,
    contract_id text not null,
    line_id text not null,
    fulfilled_date date not null,               -- control passes
    quantity numeric(38, 12) not null default 1,
    primary key (event_id),
    check (event_type in ('fulfilment.delivered', 'fulfilment.accepted'))
);

do $$
declare name text;
begin
    foreach name in array array['contract_event', 'contract_line', 'entitlement_event', 'invoice_event', 'invoice_line',
        'usage_event', 'credit_event', 'payment_event', 'fulfilment_event'] loop
        execute format('create trigger %I before update or delete or truncate on canonical.%I '
            'for each statement execute function landing.refuse_change()', name || '_append_only', name);
    end loop;
end $$;
create index usage_event_by_contract on canonical.usage_event (entity_id, contract_id, meter, usage_date);
