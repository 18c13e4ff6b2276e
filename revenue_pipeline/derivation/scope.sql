-- What a derive derives (docs/decisions/0010): from the events that came, along everything that lets one contract's
-- figures depend on another's. A key is a contract, a customer, a document or an entity; what a key leads to is found by
-- index, so the cost follows the change, not the log.

-- name: changed
-- Events that came since, as keys. Parameter: first transaction that is new.
create temporary table new_key on commit drop as
with changed as (
    select event_id, entity_id, 'contract' as kind, contract_id as key
    from canonical.contract_event where written_in >= %(since)s::xid8
    union all
    select event_id, entity_id, 'contract', contract_id
    from canonical.entitlement_event where written_in >= %(since)s::xid8
    union all
    select event_id, entity_id, 'contract', contract_id
    from canonical.fulfilment_event where written_in >= %(since)s::xid8
    union all
    select event_id, entity_id, 'contract', contract_id
    from canonical.estimate_event where written_in >= %(since)s::xid8
    union all
    select event_id, entity_id, 'document', invoice_id
    from canonical.invoice_event where written_in >= %(since)s::xid8
    union all
    select event_id, entity_id, 'document', credit_id
    from canonical.credit_event where written_in >= %(since)s::xid8
    union all
    select event_id, entity_id, 'document', payment_id
    from canonical.payment_event where written_in >= %(since)s::xid8
    union all
    select
        event_id, entity_id,
        case when contract_id is null then 'customer' else 'contract' end,
        coalesce(contract_id, customer_id)
    from canonical.usage_event where written_in >= %(since)s::xid8
    union all
    select event_id, entity_id, 'entity', entity_id
    from canonical.balance_event where written_in >= %(since)s::xid8
)
select entity_id, kind, key, count(*) as event_count
from changed
group by entity_id, kind, key;

-- name: changed_count
select coalesce(sum(event_count), 0)::bigint from new_key;

-- name: couplings
-- Customers to whom money went back: a refund that names no credit note gives back what is owed on any contract.
create temporary table refunded_customer on commit drop as
with recursive refunds as (
    select entity_id, customer_id, contract_id, invoice_id, related_id
    from canonical.payment_event where event_type = 'payment.refunded'
),
notes as (
    select refunds.entity_id, credits.contract_id, credits.invoice_id
    from refunds
    inner join canonical.credit_event as credits
        on refunds.entity_id = credits.entity_id and refunds.related_id = credits.credit_id
),
owners (entity_id, contract_id) as (
    select entity_id, contract_id from refunds where contract_id is not null
    union
    select entity_id, contract_id from notes where contract_id is not null
    union
    select documents.entity_id, invoices.contract_id
    from (
        select entity_id, invoice_id from refunds where invoice_id is not null
        union
        select entity_id, invoice_id from notes where invoice_id is not null
    ) as documents
    inner join canonical.invoice_event as invoices
        on documents.entity_id = invoices.entity_id and documents.invoice_id = invoices.invoice_id
    where invoices.contract_id is not null
),
-- The credit is of the arrangement, whose customer its first contract names.
members (entity_id, contract_id) as (
    select entity_id, contract_id from owners
    union
    select members.entity_id, linked.contract_id
    from members
    cross join lateral derivation.linked_contracts(members.entity_id, members.contract_id) as linked
)
select entity_id, customer_id from refunds where customer_id is not null
union
select members.entity_id, contracts.customer_id
from members
inner join canonical.contract_event as contracts
    on members.entity_id = contracts.entity_id and members.contract_id = contracts.contract_id;
create unique index on refunded_customer (entity_id, customer_id);
analyze refunded_customer;

-- A usage id that came with different contents: neither row earns until decided, whatever contract each names.
create temporary table twin on commit drop as
with collided as (
    select distinct entity_id, source_system, usage_id from canonical.usage_event where is_collision
),
places as (
    select distinct
        collided.entity_id, collided.source_system, collided.usage_id,
        case when usage_events.contract_id is null then 'customer' else 'contract' end as kind,
        coalesce(usage_events.contract_id, usage_events.customer_id) as key
    from collided
    inner join canonical.usage_event as usage_events
        on
            collided.entity_id = usage_events.entity_id
            and collided.usage_id = usage_events.usage_id
            and collided.source_system = usage_events.source_system
)
select distinct one.entity_id, one.kind, one.key, other.kind as other_kind, other.key as other_key
from places as one
inner join places as other
    on
        one.entity_id = other.entity_id
        and one.source_system = other.source_system
        and one.usage_id = other.usage_id
        and (one.kind, one.key) <> (other.kind, other.key);
create index on twin (entity_id, kind, key);
analyze twin;

-- Where one entity performs what another sold, both have books of the contract.
create temporary table entity_pair on commit drop as
with pairs as (
    select distinct events.entity_id, lines.performing_entity_id as other_id
    from canonical.contract_line as lines
    inner join canonical.contract_event as events on lines.event_id = events.event_id
    where lines.performing_entity_id is not null and lines.performing_entity_id <> events.entity_id
)
select entity_id, other_id from pairs
union
select other_id as entity_id, entity_id as other_id from pairs;
analyze entity_pair;

-- name: reach
-- Everything that new keys lead to, into the scope.
insert into derivation.scope (entity_id, kind, key)
with recursive reached (entity_id, kind, key) as (
    select entity_id, kind, key from new_key
    union
    select next.entity_id, next.kind, next.key
    from reached
    cross join lateral (
        select reached.entity_id, 'contract' as kind, linked.contract_id as key
        from derivation.linked_contracts(reached.entity_id, reached.key) as linked
        where reached.kind = 'contract'
        union all
        select entity_pair.other_id, 'contract', reached.key
        from entity_pair
        where reached.kind = 'contract' and entity_pair.entity_id = reached.entity_id
        union all
        -- A customer couples contracts only where something names the customer alone.
        select contracts.entity_id, 'customer', contracts.customer_id
        from canonical.contract_event as contracts
        where
            reached.kind = 'contract'
            and contracts.entity_id = reached.entity_id
            and contracts.contract_id = reached.key
            and (
                exists (
                    select 1 from canonical.usage_event as loose
                    where
                        loose.entity_id = contracts.entity_id
                        and loose.customer_id = contracts.customer_id
                        and loose.contract_id is null
                )
                or exists (
                    select 1 from refunded_customer
                    where
                        refunded_customer.entity_id = contracts.entity_id
                        and refunded_customer.customer_id = contracts.customer_id
                )
            )
        union all
        select rights.entity_id, 'customer', rights.customer_id
        from canonical.entitlement_event as rights
        where
            reached.kind = 'contract'
            and rights.entity_id = reached.entity_id
            and rights.contract_id = reached.key
            and exists (
                select 1 from canonical.usage_event as loose
                where
                    loose.entity_id = rights.entity_id
                    and loose.customer_id = rights.customer_id
                    and loose.contract_id is null
            )
        union all
        select invoices.entity_id, 'document', invoices.invoice_id
        from canonical.invoice_event as invoices
        where reached.kind = 'contract' and invoices.entity_id = reached.entity_id and invoices.contract_id = reached.key
        union all
        select credits.entity_id, 'document', credits.credit_id
        from canonical.credit_event as credits
        where reached.kind = 'contract' and credits.entity_id = reached.entity_id and credits.contract_id = reached.key
        union all
        select payments.entity_id, 'document', payments.payment_id
        from canonical.payment_event as payments
        where reached.kind = 'contract' and payments.entity_id = reached.entity_id and payments.contract_id = reached.key
        union all
        select contracts.entity_id, 'contract', contracts.contract_id
        from canonical.contract_event as contracts
        where reached.kind = 'customer' and contracts.entity_id = reached.entity_id and contracts.customer_id = reached.key
        union all
        select rights.entity_id, 'contract', rights.contract_id
        from canonical.entitlement_event as rights
        where reached.kind = 'customer' and rights.entity_id = reached.entity_id and rights.customer_id = reached.key
        union all
        select refunds.entity_id, 'document', refunds.payment_id
        from canonical.payment_event as refunds
        where
            reached.kind = 'customer'
            and refunds.event_type = 'payment.refunded'
            and refunds.entity_id = reached.entity_id
            and refunds.customer_id = reached.key
        union all
        select invoices.entity_id, 'contract', invoices.contract_id
        from canonical.invoice_event as invoices
        where reached.kind = 'document' and invoices.entity_id = reached.entity_id and invoices.invoice_id = reached.key
        union all
        select credits.entity_id, named.kind, named.key
        from canonical.credit_event as credits
        cross join lateral (
            values ('contract', credits.contract_id), ('document', credits.invoice_id)
        ) as named (kind, key)
        where reached.kind = 'document' and credits.entity_id = reached.entity_id and credits.credit_id = reached.key
        union all
        select payments.entity_id, named.kind, named.key
        from canonical.payment_event as payments
        cross join lateral (
            values
            ('contract', payments.contract_id),
            ('document', payments.invoice_id),
            ('document', payments.related_id),
            ('customer', case when payments.event_type = 'payment.refunded' then payments.customer_id end)
        ) as named (kind, key)
        where reached.kind = 'document' and payments.entity_id = reached.entity_id and payments.payment_id = reached.key
        union all
        select credits.entity_id, 'document', credits.credit_id
        from canonical.credit_event as credits
        where reached.kind = 'document' and credits.entity_id = reached.entity_id and credits.invoice_id = reached.key
        union all
        select payments.entity_id, 'document', payments.payment_id
        from canonical.payment_event as payments
        where reached.kind = 'document' and payments.entity_id = reached.entity_id and payments.invoice_id = reached.key
        union all
        select payments.entity_id, 'document', payments.payment_id
        from canonical.payment_event as payments
        where reached.kind = 'document' and payments.entity_id = reached.entity_id and payments.related_id = reached.key
        union all
        select twin.entity_id, twin.other_kind, twin.other_key
        from twin
        where twin.entity_id = reached.entity_id and twin.kind = reached.kind and twin.key = reached.key
    ) as next
    where next.key is not null
)
select entity_id, kind, key from reached
on conflict do nothing;

-- name: opened_entities
-- Entities with opening balances that the scope touches.
select entity_id from (select distinct entity_id from canonical.balance_event) as opened
where exists (select 1 from derivation.scope where scope.entity_id = opened.entity_id)
order by entity_id;

-- name: customers_of
-- Customers of an entity as its contracts name them, now and before the change.
with firsts as (
    select contract_id, customer_id, contract_version, recorded_at, event_id, written_in < %(since)s::xid8 as is_old
    from canonical.contract_event
    where entity_id = %(entity)s and event_type in ('contract.signed', 'contract.renewed')
),
now_first as (
    select distinct on (contract_id) customer_id from firsts
    order by contract_id, contract_version, recorded_at desc, event_id
),
old_first as (
    select distinct on (contract_id) customer_id from firsts where is_old
    order by contract_id, contract_version, recorded_at desc, event_id
)
select
    (select count(distinct customer_id) from now_first) as now_count,
    (select count(distinct customer_id) from old_first) as old_count;

-- name: clear_keys
truncate new_key;

-- name: all_of_entity
insert into new_key (entity_id, kind, key)
select distinct entity_id, 'contract', contract_id
from canonical.contract_event where entity_id = %(entity)s
union all
select %(entity)s, 'entity', %(entity)s
union all
select %(entity)s, 'contract', 'opening';

-- name: one_more_of_entity
-- A contract of the entity outside the scope, if there is one.
insert into new_key (entity_id, kind, key)
select events.entity_id, 'contract', events.contract_id
from canonical.contract_event as events
where
    events.entity_id = %(entity)s
    and events.event_type in ('contract.signed', 'contract.renewed')
    and not exists (
        select 1 from derivation.scope
        where scope.entity_id = events.entity_id and scope.kind = 'contract' and scope.key = events.contract_id
    )
order by events.contract_id
limit 1;

-- name: opening_of_entity
insert into new_key (entity_id, kind, key)
values (%(entity)s, 'entity', %(entity)s), (%(entity)s, 'contract', 'opening');

-- name: name_unassigned
-- Documents of no known contract are derived under a name of their own.
insert into derivation.scope (entity_id, kind, key)
select entity_id, 'contract', 'unassigned:' || key from derivation.scope where kind = 'document'
on conflict do nothing;
