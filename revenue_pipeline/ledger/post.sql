-- Statements of post.py. Parameters: entity_id, posting_period, and what each statement names.
-- Amounts are minor units, debit positive, credit negative.

-- name: drop_pending
drop table if exists pg_temp.pending_line, pg_temp.pending_entry

-- name: create_pending
create temporary table pending_line on commit drop as
with

-- Economic period e goes to the first open period >= e. So the posting period takes what lies after
-- the last earlier period that is still open, and nothing at all when it is not open itself.
posting as (

    select
        period_start_date as last_period,
        coalesce(
            (
                select max(earlier.period_start_date)
                from ledger.period as earlier
                where
                    earlier.entity_id = period.entity_id
                    and earlier.period_start_date < period.period_start_date
                    and earlier.state = 'open'
            ),
            '-infinity'::date
        ) as after_period
    from ledger.period as period
    where entity_id = %(entity_id)s and period_start_date = %(posting_period)s and state = 'open'

),

due as (

    select movements.*
    from marts.fct_accounting_movement as movements
    inner join posting
        on
            movements.economic_period > posting.after_period
            and movements.economic_period <= posting.last_period
    where movements.entity_id = %(entity_id)s

),

amounts as (

    select
        contract_id, obligation_id, movement, economic_period, currency_code,
        debit_account_code as account_code,
        amount_minor
    from due
    union all
    select
        contract_id, obligation_id, movement, economic_period, currency_code,
        credit_account_code as account_code,
        -amount_minor as amount_minor
    from due
    union all
    -- What is posted already counts the other way round; the rest is the difference still to post.
    select
        lines.contract_id, lines.obligation_id, lines.movement, lines.economic_period, lines.currency_code,
        lines.account_code,
        -lines.amount_minor as amount_minor
    from ledger.journal_line as lines
    inner join posting
        on lines.economic_period > posting.after_period and lines.economic_period <= posting.last_period
    where lines.entity_id = %(entity_id)s

)

select
    contract_id,
    movement,
    economic_period,
    currency_code,
    obligation_id,
    account_code,
    sum(amount_minor)::bigint as amount_minor,
    row_number() over (
        partition by contract_id, movement, economic_period, currency_code
        order by obligation_id, account_code
    )::integer as line_no
from amounts
group by contract_id, movement, economic_period, currency_code, obligation_id, account_code
having sum(amount_minor) <> 0

-- name: summarize_pending
select
    currency_code,
    count(*) as line_count,
    coalesce(sum(amount_minor) filter (where amount_minor > 0), 0)::bigint as debit_minor
from pending_line
group by currency_code
order by currency_code

-- name: identify_batch
-- Origin is the place of the batch among those of the entity and period: the same content posted,
-- taken back and posted again is three batches.
select
    encode(sha256(convert_to(concat_ws(
        '|', %(entity_id)s::text, %(posting_period)s::date::text,
        (
            select count(*) from ledger.journal_batch
            where entity_id = %(entity_id)s and posting_period = %(posting_period)s
        )::text,
        encode(sha256(string_agg(hash, ''::bytea order by hash)), 'hex')
    ), 'UTF8')), 'hex') as batch_id
from (
    select
        sha256(convert_to(jsonb_build_array(
            contract_id, movement, economic_period, currency_code, obligation_id, account_code, amount_minor
        )::text, 'UTF8')) as hash
    from pending_line
) as hashed

-- name: create_entries
create temporary table pending_entry on commit drop as
select
    encode(sha256(convert_to(
        jsonb_build_array(
            %(batch_id)s::text, %(entity_id)s::text, %(posting_period)s::date, economic_period, contract_id,
            movement, currency_code,
            jsonb_agg(jsonb_build_array(obligation_id, account_code, amount_minor) order by line_no)
        )::text,
        'UTF8'
    )), 'hex') as entry_id,
    contract_id,
    movement,
    economic_period,
    currency_code
from pending_line
group by contract_id, movement, economic_period, currency_code

-- name: insert_batch
insert into ledger.journal_batch (
    batch_id, entity_id, posting_period, known_seq, verdict_id, fingerprint, line_count, run_id
)
values (
    %(batch_id)s, %(entity_id)s, %(posting_period)s,
    coalesce((select log_seq from landing.watermark where consumer = 'canonical'), 0),
    %(verdict_id)s, %(fingerprint)s, %(line_count)s, %(run_id)s
)

-- name: insert_entries
insert into ledger.journal_entry (
    entry_id, batch_id, entity_id, posting_period, economic_period, contract_id, movement, currency_code, is_late
)
select
    entry_id, %(batch_id)s, %(entity_id)s, %(posting_period)s, economic_period, contract_id, movement,
    currency_code,
    economic_period < %(posting_period)s::date
from pending_entry

-- name: insert_lines
insert into ledger.journal_line (
    entry_id, line_no, entity_id, posting_period, economic_period, contract_id, obligation_id, movement,
    account_code, currency_code, amount_minor
)
select
    pending_entry.entry_id, pending_line.line_no, %(entity_id)s, %(posting_period)s,
    pending_line.economic_period, pending_line.contract_id, pending_line.obligation_id, pending_line.movement,
    pending_line.account_code, pending_line.currency_code, pending_line.amount_minor
from pending_line
inner join pending_entry using (contract_id, movement, economic_period, currency_code)
