-- One load: tell new rows, duplicates and collisions apart, in file order, and count them.
with
-- Of identical rows inside the load the first counts.
distinct_rows as (
    select distinct on (received.delivery_key, received.body_sha256) received.*
    from received
    order by received.delivery_key asc, received.body_sha256 asc, received.place asc
),
known as (
    select
        inbox.inbox_id,
        inbox.delivery_key,
        inbox.body_sha256
    from landing.inbox
    inner join (select distinct delivery_key from received) as keys
        on
            inbox.source = %(source)s
            and inbox.tenant = %(tenant)s
            and inbox.delivery_key = keys.delivery_key
),
-- The first row of a new key takes the key itself.
ranked as (
    select
        distinct_rows.*,
        known.inbox_id as known_inbox_id,
        known.body_sha256 as known_sha256,
        row_number() over (partition by distinct_rows.delivery_key order by distinct_rows.place asc) as rank_in_key
    from distinct_rows
    left join known on distinct_rows.delivery_key = known.delivery_key
),
fresh as (
    select
        ranked.*,
        ranked.known_inbox_id is not null or ranked.rank_in_key > 1 as is_collision
    from ranked
    where
        ranked.known_sha256 is distinct from ranked.body_sha256
        and not exists (
            select 1
            from landing.inbox
            where
                inbox.source = %(source)s
                and inbox.tenant = %(tenant)s
                and inbox.delivery_key = ranked.delivery_key || '#' || ranked.body_sha256
        )
),
totals as (
    select
        (select count(*) from received) as received_count,
        count(*) as added_count,
        count(*) filter (where is_collision) as collision_count
    from fresh
),
new_load as (
    insert into landing.load (
        source, channel, origin, content_sha256, received_count, added_count, duplicate_count, collision_count
    )
    select
        %(source)s,
        %(channel)s,
        %(origin)s,
        %(content_sha256)s,
        received_count,
        added_count,
        received_count - added_count,
        collision_count
    from totals
    returning load_id
),
-- Numbers are drawn here so that a collision can name the row beside it in the same statement.
numbered as (
    select
        fresh.*,
        nextval(pg_get_serial_sequence('landing.inbox', 'inbox_id')) as inbox_id
    from (select * from fresh order by place asc) as fresh
),
stored as (
    insert into landing.inbox (
        inbox_id, source, tenant, channel, delivery_key, collides_with_inbox_id, object_type, object_id, api_version,
        occurred_at, content_type, body, body_sha256, origin, origin_row, load_id
    )
    overriding system value
    select
        numbered.inbox_id,
        %(source)s,
        %(tenant)s,
        %(channel)s,
        case
            when numbered.is_collision then numbered.delivery_key || '#' || numbered.body_sha256
            else numbered.delivery_key
        end,
        case
            when numbered.is_collision then coalesce(numbered.known_inbox_id, first_row.inbox_id)
        end,
        numbered.object_type,
        numbered.object_id,
        numbered.api_version,
        numbered.occurred_at,
        numbered.content_type,
        numbered.body,
        numbered.body_sha256,
        %(origin)s,
        numbered.origin_row,
        new_load.load_id
    from numbered
    cross join new_load
    left join numbered as first_row
        on numbered.delivery_key = first_row.delivery_key and not first_row.is_collision
    order by numbered.place asc
    returning inbox_id
)
select
    new_load.load_id,
    totals.added_count,
    totals.collision_count
from new_load cross join totals
