-- Statements of periods.py.

-- name: open_missing
-- One statement: a period never exists without the event that opened it.
with opened as (
    insert into ledger.period (entity_id, period_start_date, state)
    select entity_id, period_start_date, 'open'
    from marts.dim_period
    where entity_id = %(entity_id)s and period_start_date <= %(upto)s
    on conflict do nothing
    returning entity_id, period_start_date, state
)

insert into ledger.period_event (entity_id, period_start_date, state, actor, reason)
select entity_id, period_start_date, state, 'revenue', 'first seen in the calendar of the entity'
from opened

-- name: hold_period
-- Waits for postings into the period that are under way; they hold the row for share.
select state from ledger.period
where entity_id = %(entity_id)s and period_start_date = %(period)s
for update

-- name: first_open_before
select min(period_start_date) from ledger.period
where entity_id = %(entity_id)s and period_start_date < %(period)s and state = 'open'

-- name: close
update ledger.period set state = 'closed'
where entity_id = %(entity_id)s and period_start_date = %(period)s

-- name: record_close
insert into ledger.period_event (entity_id, period_start_date, state, actor, reason)
values (%(entity_id)s, %(period)s, 'closed', %(actor)s, %(reason)s)
