-- The chain: every row of a protected table is hashed when it is inserted, every hash is chained when it is committed.
-- Three steps, so that writers never wait for each other:
--   1. a statement trigger hashes the new rows into governance.digest, in the writer's own transaction, without a lock;
--   2. at commit whoever gets the lock chains what waits (governance.seal); whoever does not leaves it to the next;
--   3. `revenue verify` computes all of it again.
-- The form in which a row is hashed must not change: docs/decisions/0009-chain-of-digests.md.

-- Hashes of up to 1,000 rows that one statement added to one table, with their keys.
create table governance.digest (
    digest_id bigint generated always as identity primary key,
    table_name text not null,                   -- schema.table
    row_keys text[] not null,                   -- each the json array of the row's primary key
    row_hashes bytea[] not null,                -- each the sha256 of the row's form, in the order of row_keys
    digest bytea not null,                      -- governance.digest_of the three above
    check (cardinality(row_keys) = cardinality(row_hashes))
);
-- stored as they are: hashes do not compress, and most keys are hashes
alter table governance.digest alter column row_keys set storage external, alter column row_hashes set storage external;

create table governance.unsealed (digest_id bigint primary key);

create table governance.chain (
    link_no bigint primary key check (link_no >= 1),  -- without gaps
    digest_id bigint not null unique references governance.digest (digest_id),
    previous_hash bytea not null,               -- hash of link_no - 1; 32 zero bytes before the first
    hash bytea not null,                        -- governance.link_of all other columns and the digest
    sealed_at timestamptz not null
);

-- Who did what to which object, and the hash of what it was decided on.
create table governance.audit_log (
    act_id bigint generated always as identity primary key,
    actor text not null check (actor <> ''),
    action text not null check (action ~ '^[a-z_]+\.[a-z_]+$'),  -- object and verb: period.closed
    object_id text not null check (object_id <> ''),
    evidence_hash text not null check (evidence_hash <> ''),
    detail jsonb not null default '{}',
    login text not null,                        -- account of the database, set by the database
    acted_at timestamptz not null,              -- set by the database
    head_link_no bigint,                        -- head of the chain at that moment, set by the database; null before the first
    head_hash bytea
);

create function governance.stamp_act() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp as $stamp_act$
begin
    new.login := session_user;
    new.acted_at := clock_timestamp();
    new.head_link_no := null;
    new.head_hash := null;
    select chain.link_no, chain.hash into new.head_link_no, new.head_hash
    from governance.chain order by chain.link_no desc limit 1;
    return new;
end $stamp_act$;
create trigger audit_log_stamp before insert on governance.audit_log
for each row execute function governance.stamp_act();

-- The bytes of a row: its columns that are not null, by name, as "name":value; texts as sql literals, dates and instants in
-- json's spelling and UTC, bytes by their sha256. No setting of a session, no order of columns and no type number gets in.
-- Returns the sql expression of the row's sha256; the row is called r.
create function governance.row_form(relation regclass) returns text language plpgsql stable
set search_path = pg_catalog, pg_temp as $row_form$
declare
    field record;
    pieces text[] := '{}';
begin
    for field in
        select
            attribute.attname as name,
            coalesce(nullif(kind.typbasetype, 0), kind.oid)::regtype::text as type,
            kind.oid = 'bytea'::regtype and exists (
                select from pg_attribute as hash
                where hash.attrelid = relation and hash.attname = attribute.attname || '_sha256' and not hash.attisdropped
            ) as is_beside_its_hash
        from pg_attribute as attribute
        inner join pg_type as kind on attribute.atttypid = kind.oid
        where attribute.attrelid = relation and attribute.attnum > 0 and not attribute.attisdropped
        order by attribute.attname collate "C"
    loop
        -- a body beside its own sha256 is hashed once; whoever verifies compares the two
        continue when field.is_beside_its_hash;
        -- numbers of transactions are bookkeeping of one server, and mean nothing where a dump is restored
        continue when field.type in ('xid8', 'pg_snapshot');
        pieces := pieces || format('%L || %s', to_json(field.name)::text || ':', case
            when field.type in ('smallint', 'integer', 'bigint', 'numeric', 'boolean')
                then format('r.%I::text', field.name)
            when field.type in ('text', 'jsonb', 'text[]', 'bigint[]', 'numeric[]')
                then format('quote_literal(r.%I::text)', field.name)
            when field.type = 'date'
                then format('to_json(r.%I)::text', field.name)
            when field.type = 'timestamp with time zone'
                then format('to_json(r.%I at time zone ''UTC'')::text', field.name)
            when field.type = 'bytea'
                then format('encode(sha256(r.%I), ''hex'')', field.name)
        end);
        if pieces[cardinality(pieces)] is null then
            raise exception '%.%: no form of its own for type %; store it as text or numeric', relation, field.name, field.type
                using errcode = 'feature_not_supported';
        end if;
    end loop;
    return format('sha256(convert_to(concat_ws('','', %s), ''UTF8''))', array_to_string(pieces, ', '));
end $row_form$;

-- The sql expression of a row's key: the json array of its primary key. The row is called r.
create function governance.key_form(relation regclass) returns text language plpgsql stable
set search_path = pg_catalog, pg_temp as $key_form$
declare
    fields text;
begin
    select string_agg(format('r.%I', attribute.attname), ', ' order by part.place) into fields
    from pg_index as index
    cross join lateral unnest(index.indkey::smallint[]) with ordinality as part (number, place)
    inner join pg_attribute as attribute on index.indrelid = attribute.attrelid and part.number = attribute.attnum
    where index.indrelid = relation and index.indisprimary;
    if fields is null then
        raise exception '% has no primary key: a touched row could not be named', relation
            using errcode = 'feature_not_supported';
    end if;
    return format('json_build_array(%s)::text', fields);
end $key_form$;

create function governance.digest_of(table_name text, row_keys text[], row_hashes bytea[]) returns bytea language sql immutable
as $digest_of$
    select sha256(
        convert_to(json_build_array(table_name, row_keys)::text, 'UTF8')
        || coalesce((select string_agg(hash, '' order by place) from unnest(row_hashes) with ordinality as h (hash, place)), '')
    )
$digest_of$;

create function governance.link_of(
    link_no bigint, digest_id bigint, previous_hash bytea, sealed_at timestamptz, digest bytea
) returns bytea language sql immutable as $link_of$
    select sha256(
        previous_hash
        || convert_to(json_build_array(link_no, digest_id, sealed_at at time zone 'UTC')::text, 'UTF8')
        || digest
    )
$link_of$;

-- Chain what waits, in the order of digest_id; returns how many. Nobody waits: where another transaction is chaining, or this
-- one reads an old snapshot, the work is left to the next commit.
create function governance.seal() returns bigint language plpgsql
security definer set search_path = pg_catalog, pg_temp as $seal$
declare
    head record;
    waiting record;
    sealed bigint := 0;
    now_hash bytea;
    now_at timestamptz := clock_timestamp();
begin
    if current_setting('transaction_isolation') <> 'read committed' or not pg_try_advisory_xact_lock(4702611821) then
        return 0;
    end if;
    select chain.link_no, chain.hash into head from governance.chain order by chain.link_no desc limit 1;
    head.link_no := coalesce(head.link_no, 0);
    now_hash := coalesce(head.hash, decode(repeat('00', 32), 'hex'));
    for waiting in
        with taken as (delete from governance.unsealed returning unsealed.digest_id)
        select digest.digest_id, digest.digest
        from taken inner join governance.digest on taken.digest_id = digest.digest_id
        order by digest.digest_id
    loop
        sealed := sealed + 1;
        head.hash := governance.link_of(head.link_no + sealed, waiting.digest_id, now_hash, now_at, waiting.digest);
        insert into governance.chain (link_no, digest_id, previous_hash, hash, sealed_at)
        values (head.link_no + sealed, waiting.digest_id, now_hash, head.hash, now_at);
        now_hash := head.hash;
    end loop;
    return sealed;
end $seal$;

create function governance.seal_at_commit() returns trigger language plpgsql
security definer set search_path = pg_catalog, pg_temp as $seal_at_commit$
begin
    -- one statement may leave many digests: the first of them chains all
    if exists (select from governance.unsealed where unsealed.digest_id = new.digest_id) then
        perform governance.seal();
    end if;
    return null;
end $seal_at_commit$;
create constraint trigger unsealed_at_commit after insert on governance.unsealed
deferrable initially deferred for each row execute function governance.seal_at_commit();

-- The statement that writes the digests of `source`: the table itself or the rows a statement added to it.
create function governance.digest_statement(relation regclass, source text) returns text language plpgsql stable
set search_path = pg_catalog, pg_temp as $digest_statement$
begin
    return format(
        'with hashed as (select row_number() over () as place, %1$s as key, %2$s as hash from %3$s as r), '
        'chunks as (select min(place) as place, array_agg(key) as row_keys, array_agg(hash) as row_hashes from hashed '
        'group by (place - 1) / 1000), '
        'added as (insert into governance.digest (table_name, row_keys, row_hashes, digest) '
        'select %4$L, row_keys, row_hashes, governance.digest_of(%4$L, row_keys, row_hashes) from chunks order by place '
        'returning digest_id) '
        'insert into governance.unsealed (digest_id) select digest_id from added',
        governance.key_form(relation), governance.row_form(relation), source, relation::text
    );
end $digest_statement$;

-- Body of the trigger function of one table.
create function governance.digest_source(relation regclass) returns text language plpgsql stable
set search_path = pg_catalog, pg_temp as $digest_source$
begin
    return format(E'begin\n%s;\nreturn null;\nend', governance.digest_statement(relation, 'new_rows'));
end $digest_source$;

-- Make a table append-only and part of the chain, rows that are there included. A migration calls it for every table it adds,
-- and again for every table to which it adds a column. Such a column must start as null, or the hashes of old rows no longer hold.
create function governance.protect(relation regclass) returns void language plpgsql
set search_path = pg_catalog, pg_temp as $protect$
declare
    space text;
    name text;
begin
    select namespace.nspname, class.relname into space, name
    from pg_class as class inner join pg_namespace as namespace on class.relnamespace = namespace.oid
    where class.oid = relation;
    if not exists (
        select from pg_trigger
        where pg_trigger.tgrelid = relation and pg_trigger.tgfoid = 'landing.refuse_change()'::regprocedure
    ) then
        execute format('create trigger %I before update or delete or truncate on %s '
            'for each statement execute function landing.refuse_change()', name || '_append_only', relation);
    end if;
    execute format('create or replace function governance.%I() returns trigger language plpgsql '
        'security definer set search_path = pg_catalog, pg_temp as %L',
        format('digest_%s_%s', space, name), governance.digest_source(relation));
    execute format('revoke all on function governance.%I() from public', format('digest_%s_%s', space, name));
    if not exists (
        select from pg_trigger where pg_trigger.tgrelid = relation and pg_trigger.tgname = name || '_digest'
    ) then
        execute governance.digest_statement(relation, relation::text);
        execute format('create trigger %I after insert on %s referencing new table as new_rows '
            'for each statement execute function governance.%I()',
            name || '_digest', relation, format('digest_%s_%s', space, name));
    end if;
    execute format('revoke update, delete, truncate on %s from public, revenue_app', relation);
    execute format('grant select, insert on %s to revenue_app', relation);
    execute format('grant select on %s to revenue_auditor', relation);
end $protect$;

do $$
begin
    if not exists (select from pg_roles where rolname = 'revenue_auditor') then
        create role revenue_auditor nologin;  -- reads everything, writes nothing: who runs `revenue verify`
    end if;
end $$;
grant usage on schema landing, canonical, governance, ledger, erp to revenue_auditor;
grant select on all tables in schema landing, canonical, governance, ledger, erp to revenue_auditor;
grant select on governance.digest, governance.chain, governance.unsealed to revenue_app;

revoke all on function governance.stamp_act(), governance.seal(), governance.seal_at_commit(),
governance.digest_statement(regclass, text), governance.digest_source(regclass), governance.protect(regclass) from public;
grant execute on function governance.seal() to revenue_app;
grant execute on function governance.digest_source(regclass), governance.digest_statement(regclass, text)
to revenue_app, revenue_auditor;

create trigger digest_append_only before update or delete or truncate on governance.digest
for each statement execute function landing.refuse_change();
create trigger chain_append_only before update or delete or truncate on governance.chain
for each statement execute function landing.refuse_change();

-- Every table that was append-only before, in one order, and the log of acts.
do $$
declare relation regclass;
begin
    for relation in
        select pg_trigger.tgrelid::regclass
        from pg_trigger inner join pg_class on pg_trigger.tgrelid = pg_class.oid
        where pg_trigger.tgfoid = 'landing.refuse_change()'::regprocedure
            and pg_trigger.tgrelid not in (
                'governance.digest'::regclass, 'governance.chain'::regclass, 'ledger.period'::regclass
            )
        order by pg_trigger.tgrelid::regclass::text collate "C"
    loop
        perform governance.protect(relation);
    end loop;
    perform governance.protect('governance.audit_log');
end $$;
