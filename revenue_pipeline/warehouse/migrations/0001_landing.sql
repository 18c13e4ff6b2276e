-- landing: everything that arrived, exactly as it arrived, in one commit-ordered log.
create schema landing;

create function landing.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '%.% is append-only: % refused; a correction is a new row',
        tg_table_schema, tg_table_name, lower(tg_op)
        using errcode = 'insufficient_privilege';
end $$;

-- One attempt to hand something over: a file, a request, a page. Counters make completeness provable.
create table landing.load (
    load_id bigint generated always as identity primary key,
    source text not null,
    channel text not null check (channel in ('webhook', 'pull', 'file', 'manual')),
    origin text not null,                       -- file name or endpoint, for people
    content_sha256 text not null,               -- hex, of the file as received
    received_count bigint not null check (received_count >= 0),
    added_count bigint not null check (added_count >= 0),
    duplicate_count bigint not null check (duplicate_count >= 0),
    collision_count bigint not null check (collision_count >= 0),  -- part of added_count
    refused_reason text,                        -- the whole load was refused; nothing was added
    loaded_at timestamptz not null default clock_timestamp(),
    check (received_count = added_count + duplicate_count),
    check (collision_count <= added_count)
);

create table landing.inbox (
    inbox_id bigint generated always as identity primary key,
    source text not null,                       -- stripe, crm_orders, usage_events, file:<agreement>
    tenant text not null,                       -- account, site or company the source speaks for; test data apart
    channel text not null check (channel in ('webhook', 'pull', 'file', 'manual')),
    delivery_key text not null,                 -- identity of the delivery; a collision carries '#<sha256>' behind it
    collides_with_inbox_id bigint references landing.inbox (inbox_id),
    object_type text,
    object_id text,
    api_version text,
    occurred_at timestamptz,
    received_at timestamptz not null default clock_timestamp(),
    content_type text not null,
    body bytea not null,                        -- the bytes received
    body_sha256 text not null,                  -- hex
    origin text not null,                       -- file name
    origin_row bigint,                          -- line in the file, first data row = 2 with a header
    load_id bigint not null references landing.load (load_id),
    unique (source, tenant, delivery_key)
);

create table landing.unsequenced (inbox_id bigint primary key);

create table landing.inbox_log (
    log_seq bigint generated always as identity primary key,
    inbox_id bigint not null unique references landing.inbox (inbox_id),
    sequenced_at timestamptz not null default clock_timestamp()
);

create function landing.mark_unsequenced() returns trigger language plpgsql as $$
begin
    insert into landing.unsequenced (inbox_id) select new_row.inbox_id from new_rows as new_row;
    return null;
end $$;

create trigger inbox_to_sequence after insert on landing.inbox
referencing new table as new_rows
for each statement execute function landing.mark_unsequenced();

-- One line per inbox row and outcome of translating it. The newest attempt_id tells.
create table landing.attempt (
    attempt_id bigint generated always as identity primary key,
    inbox_id bigint not null references landing.inbox (inbox_id),
    log_seq bigint not null,
    adapter_version text not null,
    outcome text not null check (outcome in ('processed', 'waiting', 'dead')),
    event_count bigint not null default 0,
    note text,                                  -- why a processed row gave no event ("draft invoice: not an accounting document")
    attempted_at timestamptz not null default clock_timestamp()
);
create index attempt_by_inbox on landing.attempt (inbox_id, attempt_id);

create table landing.dead_letter (
    dead_letter_id bigint generated always as identity primary key,
    inbox_id bigint not null references landing.inbox (inbox_id),
    stage text not null,
    reason_code text not null check (reason_code in (
        'SIGNATURE', 'UNKNOWN_VERSION', 'SCHEMA', 'UNKNOWN_ENUM', 'UNKNOWN_CURRENCY', 'UNKNOWN_ENTITY', 'ARITHMETIC',
        'MISSING_PARENT', 'IDENTITY_CONFLICT', 'COLLISION', 'STALE', 'CLOSED_PERIOD', 'MAPPING', 'DOWNSTREAM'
    )),
    detail text not null,
    recorded_at timestamptz not null default clock_timestamp()
);
create index dead_letter_by_inbox on landing.dead_letter (inbox_id);

-- How far a consumer has read the log; written in the transaction that writes its output.
create table landing.watermark (
    consumer text primary key,
    log_seq bigint not null,
    updated_at timestamptz not null default clock_timestamp()
);

create trigger load_append_only before update or delete or truncate on landing.load
for each statement execute function landing.refuse_change();
create trigger inbox_append_only before update or delete or truncate on landing.inbox
for each statement execute function landing.refuse_change();
create trigger inbox_log_append_only before update or delete or truncate on landing.inbox_log
for each statement execute function landing.refuse_change();
create trigger attempt_append_only before update or delete or truncate on landing.attempt
for each statement execute function landing.refuse_change();
create trigger dead_letter_append_only before update or delete or truncate on landing.dead_letter
for each statement execute function landing.refuse_change();

-- Grain: one row per source. received = processed + waiting + dead + duplicate, checked by the gate.
create view landing.completeness as
with state as (
    select distinct on (inbox.inbox_id)
        inbox.source,
        coalesce(attempt.outcome, 'waiting') as outcome
    from landing.inbox
    left join landing.attempt on inbox.inbox_id = attempt.inbox_id
    order by inbox.inbox_id asc, attempt.attempt_id desc
),
outcomes as (
    select
        source,
        count(*) filter (where outcome = 'processed') as processed_count,
        count(*) filter (where outcome = 'waiting') as waiting_count,
        count(*) filter (where outcome = 'dead') as dead_count
    from state group by source
),
loads as (
    select
        source,
        sum(received_count)::bigint as received_count,
        sum(duplicate_count)::bigint as duplicate_count,
        sum(collision_count)::bigint as collision_count
    from landing.load group by source
)
select
    loads.source,
    loads.received_count,
    coalesce(outcomes.processed_count, 0) as processed_count,
    coalesce(outcomes.waiting_count, 0) as waiting_count,
    coalesce(outcomes.dead_count, 0) as dead_count,
    loads.duplicate_count,
    loads.collision_count
from loads left join outcomes on loads.source = outcomes.source;
