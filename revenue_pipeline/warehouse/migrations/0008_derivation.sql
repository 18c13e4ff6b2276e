-- derivation: which contracts a derive derives, and up to what it has read. A derive reads canonical rows by contract,
-- customer and document; the indexes below are for that.

-- In which transaction a row came. known_seq cannot tell what is new: what waited for another delivery comes later with an
-- older one. Child tables come with their event.
do $$
declare name text;
begin
    foreach name in array array['contract_event', 'entitlement_event', 'invoice_event', 'usage_event', 'credit_event',
        'payment_event', 'fulfilment_event', 'estimate_event', 'fx_rate_event', 'balance_event'] loop
        execute format('alter table canonical.%I add column written_in xid8 not null default pg_current_xact_id()', name);
        execute format('create index %I on canonical.%I (written_in)', name || '_by_arrival', name);
    end loop;
end $$;

create index contract_event_by_contract on canonical.contract_event (entity_id, contract_id);
create index contract_event_by_customer on canonical.contract_event (entity_id, customer_id);
create index contract_event_by_replaced on canonical.contract_event (entity_id, replaces_contract_id)
where replaces_contract_id is not null;
create index contract_event_by_combined on canonical.contract_event using gin (combined_with)
where combined_with is not null;
create index contract_line_by_performer on canonical.contract_line (performing_entity_id)
where performing_entity_id is not null;
create index entitlement_event_by_contract on canonical.entitlement_event (entity_id, contract_id);
create index entitlement_event_by_customer on canonical.entitlement_event (entity_id, customer_id);
create index invoice_event_by_contract on canonical.invoice_event (entity_id, contract_id);
create index invoice_event_by_invoice on canonical.invoice_event (entity_id, invoice_id);
create index usage_event_by_customer on canonical.usage_event (entity_id, customer_id) where contract_id is null;
create index usage_event_by_usage on canonical.usage_event (entity_id, usage_id);
create index usage_event_collided on canonical.usage_event (entity_id, usage_id) where is_collision;
create index credit_event_by_contract on canonical.credit_event (entity_id, contract_id);
create index credit_event_by_credit on canonical.credit_event (entity_id, credit_id);
create index credit_event_by_invoice on canonical.credit_event (entity_id, invoice_id);
create index payment_event_by_contract on canonical.payment_event (entity_id, contract_id);
create index payment_event_by_payment on canonical.payment_event (entity_id, payment_id);
create index payment_event_by_invoice on canonical.payment_event (entity_id, invoice_id);
create index payment_event_by_related on canonical.payment_event (entity_id, related_id);
create index payment_event_refunded on canonical.payment_event (entity_id, customer_id) where event_type = 'payment.refunded';
create index fulfilment_event_by_contract on canonical.fulfilment_event (entity_id, contract_id);
create index estimate_event_by_contract on canonical.estimate_event (entity_id, contract_id);

create schema derivation;

create table derivation.run (
    run_id bigint generated always as identity primary key,
    mode text not null check (mode in ('full', 'incremental')),
    reason text not null,                       -- why full, or what an incremental one follows
    known_in pg_snapshot,                       -- what of the log it derives; null: all of it, on a database restored elsewhere
    changed_from xid8 not null,                 -- what came in this transaction or later is new to the next derive
    as_of_seq bigint not null,                  -- upper end of known_seq
    project_hash text not null,                 -- of models, macros and seeds
    contract_count bigint not null,             -- in scope; of a full derive all
    changed_count bigint not null,              -- canonical events that came since; of a full derive all
    started_at timestamptz not null default clock_timestamp()
);
create table derivation.run_end (               -- a derive that died has none
    run_id bigint primary key references derivation.run (run_id),
    ended_at timestamptz not null default clock_timestamp()
);

do $$
declare name text;
begin
    foreach name in array array['run', 'run_end'] loop
        execute format('create trigger %I before update or delete or truncate on derivation.%I '
            'for each statement execute function landing.refuse_change()', name || '_append_only', name);
    end loop;
end $$;

-- What the newest run derives: everything that contracts with new events are accounted for together with. Empty where it is
-- full. kind: contract, customer (whose usage or refunds name no contract), document (invoice, credit note, payment),
-- entity (its opening balances).
create table derivation.scope (
    entity_id text not null,
    kind text not null check (kind in ('contract', 'customer', 'document', 'entity')),
    key text not null,
    primary key (entity_id, kind, key)
);

-- Mode and snapshot of the newest run; without one, everything.
create view derivation.reach as
select
    coalesce(max(newest.mode), 'full') as mode,
    (array_agg(newest.known_in))[1] as known_in
from (select * from derivation.run order by run_id desc limit 1) as newest;

-- Contracts that name a contract or are named by it: signed as one package, or renewing it.
create function derivation.linked_contracts(of_entity text, of_contract text) returns table (contract_id text)
language sql stable parallel safe as $$
    select own.replaces_contract_id from canonical.contract_event as own
    where own.entity_id = of_entity and own.contract_id = of_contract and own.replaces_contract_id is not null
    union all
    select others.other_id from canonical.contract_event as own
    cross join lateral unnest(own.combined_with) as others (other_id)
    where own.entity_id = of_entity and own.contract_id = of_contract
    union all
    select other.contract_id from canonical.contract_event as other
    where other.entity_id = of_entity and other.replaces_contract_id = of_contract
    union all
    select other.contract_id from canonical.contract_event as other
    where other.entity_id = of_entity and other.combined_with @> array[of_contract]
$$;

grant usage on schema derivation to revenue_app;
grant select on all tables in schema derivation to revenue_app;
grant insert on derivation.run, derivation.run_end, derivation.scope to revenue_app;
grant delete, truncate on derivation.scope to revenue_app;
