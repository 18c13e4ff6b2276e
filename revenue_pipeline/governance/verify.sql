-- Statements of verify.py. Findings come in the order of the chain, as (key, differs, link_no).

-- name: changed_functions
-- Functions whose source is not the one this version ships.
select shipped.name
from unnest(%(names)s::text[], %(sources)s::text[]) as shipped (name, source)
left join (
    select
        namespace.nspname || '.' || function.proname as name,
        function.prosrc as source
    from pg_proc as function
    inner join pg_namespace as namespace on function.pronamespace = namespace.oid
) as there on shipped.name = there.name
where there.source is distinct from shipped.source
order by shipped.name

-- name: tables
-- Grain: one row per table of our schemas, with the guards it has and the expressions that hash it.
select
    class.oid::bigint as relation,
    namespace.nspname as space,
    class.relname as name,
    exists (
        select from pg_trigger as guard
        where
            guard.tgrelid = class.oid and guard.tgfoid = 'landing.refuse_change()'::regprocedure
            and guard.tgenabled in ('O', 'A') and guard.tgqual is null
            and guard.tgtype & 58 = 58  -- before, delete, update, truncate
    ) as is_append_only,
    coalesce(
        (
            -- a case, because a table that is not protected need not have a form
            select bool_or(case when digester.tgtype = 4 then function.prosrc = governance.digest_source(class.oid::regclass) end)
            from pg_trigger as digester
            inner join pg_proc as function on digester.tgfoid = function.oid
            where
                digester.tgrelid = class.oid and function.pronamespace = 'governance'::regnamespace
                and function.proname = format('digest_%%s_%%s', namespace.nspname, class.relname)
                and digester.tgenabled in ('O', 'A') and digester.tgqual is null
        ),
        false
    ) as is_digested,
    (
        select string_agg(disabled.tgname, ', ' order by disabled.tgname)
        from pg_trigger as disabled
        where disabled.tgrelid = class.oid and disabled.tgenabled not in ('O', 'A')
    ) as disabled_triggers,
    (
        select string_agg(instead.rulename, ', ' order by instead.rulename)
        from pg_rewrite as instead
        where instead.ev_class = class.oid
    ) as rules,
    (
        select string_agg(
            distinct format(
                '%%s to %%s', lower(entry.privilege_type),
                case when entry.grantee = 0 then 'public' else pg_get_userbyid(entry.grantee) end
            ), ', '
        )
        from (
            select class.relacl as acl
            union all
            select attribute.attacl from pg_attribute as attribute where attribute.attrelid = class.oid
        ) as granted
        cross join lateral aclexplode(granted.acl) as entry
        where entry.grantee <> class.relowner and entry.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER')
    ) as grants,
    (
        select coalesce(
            string_agg(
                format('r.%%I is not distinct from encode(sha256(r.%%I), ''hex'')', hash.attname, body.attname), ' and '
            ),
            'true'
        )
        from pg_attribute as body
        inner join pg_attribute as hash on body.attrelid = hash.attrelid and hash.attname = body.attname || '_sha256'
        where body.attrelid = class.oid and body.atttypid = 'bytea'::regtype and not body.attisdropped and not hash.attisdropped
    ) as body_form
from pg_class as class
inner join pg_namespace as namespace on class.relnamespace = namespace.oid
where namespace.nspname = any(%(schemas)s) and class.relkind in ('r', 'p')
order by namespace.nspname || '.' || class.relname

-- name: forms
select
    governance.key_form(%(relation)s::bigint::oid::regclass) as key_form,
    governance.row_form(%(relation)s::bigint::oid::regclass) as row_form

-- name: vanished_tables
select distinct digest.table_name
from governance.digest
where to_regclass(digest.table_name) is null
order by digest.table_name

-- name: links
with ordered as (
    select
        chain.*,
        lag(chain.link_no, 1, 0::bigint) over (order by chain.link_no) as link_before,
        lag(chain.hash, 1, decode(repeat('00', 32), 'hex')) over (order by chain.link_no) as hash_before
    from governance.chain
)

select
    json_build_array(coalesce(gap.link_no, ordered.link_no))::text as key,
    case
        when gap.link_no is not null then 'missing'
        when ordered.previous_hash <> ordered.hash_before then 'order'
        else 'content'
    end as differs,
    coalesce(gap.link_no, ordered.link_no) as link_no
from ordered
left join governance.digest on ordered.digest_id = digest.digest_id
left join lateral (
    select ordered.link_before + 1 as link_no where ordered.link_no <> ordered.link_before + 1
) as gap on true
where
    ordered.link_no <> ordered.link_before + 1
    or ordered.previous_hash <> ordered.hash_before
    -- where the digest does not fit itself, it is the one that was touched
    or case
        when
            ordered.hash
            <> governance.link_of(ordered.link_no, ordered.digest_id, ordered.previous_hash, ordered.sealed_at, digest.digest)
            then digest.digest = governance.digest_of(digest.table_name, digest.row_keys, digest.row_hashes)
    end
    -- its digest is there, under another number than the link now says
    or case
        when digest.digest_id is null
            then exists (
                select from governance.digest as orphan
                where
                    ordered.hash = governance.link_of(
                        ordered.link_no, orphan.digest_id, ordered.previous_hash, ordered.sealed_at, orphan.digest
                    )
            )
    end
order by link_no

-- name: digests
select
    json_build_array(coalesce(digest.digest_id, chain.digest_id))::text as key,
    case when digest.digest_id is null then 'missing' when chain.digest_id is null then 'order' else 'content' end as differs,
    chain.link_no
from governance.digest
full join governance.chain on digest.digest_id = chain.digest_id
left join governance.unsealed on digest.digest_id = unsealed.digest_id
where
    digest.digest_id is null
    or (chain.digest_id is null and unsealed.digest_id is null)
    or digest.digest <> governance.digest_of(digest.table_name, digest.row_keys, digest.row_hashes)
order by chain.link_no nulls last, digest.digest_id

-- name: rows
-- The braces are filled with the table and the expressions of its hashes.
with told as (
    select
        entry.key, entry.hash, entry.place, digest.digest_id
    from governance.digest
    cross join lateral unnest(digest.row_keys, digest.row_hashes) with ordinality as entry (key, hash, place)
    where digest.table_name = %(table_name)s and not digest.digest_id = any(%(untrusted)s)
),

there as (
    select
        {key_form} as key,
        {row_form} as hash,
        {body_form} as is_body_whole
    from {table} as r
)

select
    coalesce(told.key, there.key) as key,
    case when there.key is null then 'missing' when told.key is null then 'unknown' else 'content' end as differs,
    chain.link_no
from told
full join there on told.key = there.key
left join governance.chain on told.digest_id = chain.digest_id
where told.hash is distinct from there.hash or not there.is_body_whole
order by chain.link_no nulls last, told.digest_id nulls last, told.place, key

-- name: count
select count(*) from {table}

-- name: periods
with newest as (
    select distinct on (entity_id, period_start_date)
        entity_id,
        period_start_date,
        state
    from ledger.period_event
    order by entity_id, period_start_date, period_event_id desc
)

select
    json_build_array(
        coalesce(period.entity_id, newest.entity_id), coalesce(period.period_start_date, newest.period_start_date)
    )::text as key,
    case when period.entity_id is null then 'missing' when newest.entity_id is null then 'unknown' else 'content' end as differs,
    null::bigint as link_no
from ledger.period
full join newest on period.entity_id = newest.entity_id and period.period_start_date = newest.period_start_date
where period.state is distinct from newest.state
order by key

-- name: anchors
-- Each act kept the head of the chain at its moment.
select
    json_build_array(act.act_id)::text as key,
    'order' as differs,
    act.head_link_no as link_no
from governance.audit_log as act
left join governance.chain on act.head_link_no = chain.link_no
where act.head_link_no is not null and chain.hash is distinct from act.head_hash
order by act.head_link_no, act.act_id

-- name: head
select link_no, encode(hash, 'hex') from governance.chain order by link_no desc limit 1

-- name: link
select encode(hash, 'hex') from governance.chain where link_no = %(link_no)s

-- name: waiting
select count(*) from governance.unsealed
