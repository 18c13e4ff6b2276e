-- Closing a month: states of a period, approvals, what a close was made from, and why a line was posted.
-- New columns start as null, so the hashes of rows that are there still hold (0007); those rows were posted before there was more to say.

-- A period follows its entity's calendar, which need not begin on the first of a month.
alter table ledger.period drop constraint period_period_start_date_check;
alter table ledger.period drop constraint period_state_check;
alter table ledger.period add constraint period_state_check
check (state in ('future', 'open', 'soft_close', 'closed', 'reopened'));
alter table ledger.period_event drop constraint period_event_state_check;
alter table ledger.period_event add constraint period_event_state_check
check (state in ('future', 'open', 'soft_close', 'closed', 'reopened'));
alter table ledger.period_event add column cutoff_seq bigint;  -- soft_close: last place of the log that counts for the period

-- What a derive read: log_seq is how far the log was translated in the snapshot it read.
alter table derivation.run add column log_seq bigint;

-- Every version of models, macros and seeds that derived something, file by file, so that a close can be derived again.
create table derivation.project_file (
    file_sha256 text primary key check (file_sha256 = encode(sha256(content), 'hex')),
    content bytea not null
);
create table derivation.project_version (
    project_hash text not null,                 -- derivation.run.project_hash
    path text not null,                         -- below dbt_project/
    file_sha256 text not null references derivation.project_file (file_sha256),
    primary key (project_hash, path)
);

alter table ledger.journal_batch
add column batch_no integer,                    -- 1, 2, ... among the batches of the entity and posting period
add column delta_of_batch_id text references ledger.journal_batch (batch_id),  -- of a reopened period: the batch it adds to
add column derivation_run_id bigint references derivation.run (run_id),
add column project_hash text;

alter table ledger.journal_entry
add column posting_kind text check (posting_kind in ('regular', 'late', 'catch_up', 'correction', 'reversal')),
add column cause text,                          -- why a posting that is not regular came; null for regular ones
add column event_ids text[];                    -- canonical events that brought it, in order of their ids

alter table ledger.journal_line
add column functional_currency_code text,
add column functional_amount_minor bigint;      -- in the entity's own currency, debit positive
-- A rate alone moves the functional amount only.
alter table ledger.journal_line drop constraint journal_line_amount_minor_check;
alter table ledger.journal_line add constraint journal_line_amount_check
check (amount_minor <> 0 or coalesce(functional_amount_minor, 0) <> 0);

-- Decisions of people, each on the hash of what they saw.
create table governance.approval (
    approval_id bigint generated always as identity primary key,
    entity_id text not null,
    object_id text not null,                    -- <kind>:<key>, e.g. close:US:2025-04, quarantine:<exception_id>
    act text not null,                          -- sign_off, reopen, waive
    decision text not null check (decision in ('approved', 'rejected')),
    actor text not null check (actor <> ''),
    reason text not null check (reason <> ''),
    evidence_hash text not null check (evidence_hash <> ''),
    decided_at timestamptz not null default clock_timestamp()
);
create index approval_by_object on governance.approval (object_id, act);

-- What each step of a close found. A close that is run again adds rows; the newest of a step counts.
create table ledger.close_step (
    close_step_id bigint generated always as identity primary key,
    entity_id text not null,
    period_start_date date not null,
    run_id text not null,
    step text not null check (
        step in ('cut_off', 'derive', 'gate', 'reconcile', 'post', 'sign_off', 'close')
    ),
    passed boolean not null,
    what_to_do text,                            -- for a person, where it did not pass
    evidence jsonb not null default '{}',
    at timestamptz not null default clock_timestamp(),
    foreign key (entity_id, period_start_date) references ledger.period (entity_id, period_start_date),
    check (passed or what_to_do is not null)
);
create index close_step_by_period on ledger.close_step (entity_id, period_start_date, step);

-- One row each time a period is closed: everything needed to make the same journals again.
create table ledger.close (
    close_id text primary key,                  -- hash of the columns up to journal_sha256
    entity_id text not null,
    period_start_date date not null,
    close_no integer not null check (close_no >= 1),  -- 1, then 2 after a reopening, ...
    cutoff_seq bigint not null,
    derivation_run_id bigint not null references derivation.run (run_id),
    project_hash text not null,
    verdict_id bigint not null references governance.gate_verdict (verdict_id),
    fingerprint text not null,
    suite_hash text not null,
    batch_ids text[] not null,                  -- batches posted into the period so far, in order
    line_count bigint not null,
    journal_sha256 text not null,               -- revenue_pipeline.ledger.export of the period's lines
    prepared_by text not null,
    signed_off_by text,                         -- null where policy asks for no sign-off
    closed_by text not null,
    reason text not null,
    closed_at timestamptz not null default clock_timestamp(),
    unique (entity_id, period_start_date, close_no),
    foreign key (entity_id, period_start_date) references ledger.period (entity_id, period_start_date)
);

-- Balanced in both currencies.
create or replace function ledger.entries_balance() returns trigger language plpgsql as $$
declare bad record;
begin
    select new_line.entry_id, sum(new_line.amount_minor) as residual,
        coalesce(sum(new_line.functional_amount_minor), 0) as functional_residual into bad
    from new_lines as new_line
    group by new_line.entry_id
    having sum(new_line.amount_minor) <> 0 or coalesce(sum(new_line.functional_amount_minor), 0) <> 0
        or count(*) < 2 or count(distinct new_line.functional_currency_code) > 1
        or count(new_line.functional_amount_minor) not in (0, count(*))
    limit 1;
    if found then
        raise exception 'entry % does not balance: debits minus credits = % minor units, % in the functional currency',
            bad.entry_id, bad.residual, bad.functional_residual
            using errcode = 'check_violation';
    end if;
    select new_line.entry_id, 0, 0 into bad
    from new_lines as new_line
    inner join ledger.journal_line as kept on new_line.entry_id = kept.entry_id
    inner join ledger.journal_entry as entry on new_line.entry_id = entry.entry_id
    where (kept.currency_code, kept.entity_id, kept.posting_period, kept.economic_period)
        is distinct from (entry.currency_code, entry.entity_id, entry.posting_period, entry.economic_period)
    limit 1;
    if found then
        raise exception 'entry %: a line disagrees with its entry on entity, currency or period', bad.entry_id
            using errcode = 'check_violation';
    end if;
    return null;
end $$;

-- A reopened period takes lines as an open one does.
create or replace function ledger.period_is_open() returns trigger language plpgsql as $$
declare current_state text;
begin
    select state into current_state from ledger.period
    where entity_id = new.entity_id and period_start_date = new.posting_period for share;
    if current_state is null or current_state not in ('open', 'reopened') then
        raise exception 'period % of % is %, not open', to_char(new.posting_period, 'YYYY-MM'), new.entity_id,
            coalesce(current_state, 'unknown') using errcode = 'check_violation';
    end if;
    return new;
end $$;

create or replace view erp.journal_lines as
select
    line.entry_id || ':' || line.line_no as journal_line_id,
    line.entry_id,
    line.line_no,
    entry.batch_id,
    line.entity_id,
    to_char(line.posting_period, 'YYYY-MM') as posting_period,
    to_char(line.economic_period, 'YYYY-MM') as economic_period,
    entry.is_late,
    line.movement,
    line.account_code,
    line.currency_code,
    greatest(line.amount_minor, 0) as debit_minor,
    greatest(-line.amount_minor, 0) as credit_minor,
    line.contract_id,
    nullif(line.obligation_id, '') as obligation_id,
    batch.posted_at,
    entry.posting_kind,
    entry.cause,
    line.functional_currency_code,
    greatest(line.functional_amount_minor, 0) as functional_debit_minor,
    greatest(-line.functional_amount_minor, 0) as functional_credit_minor,
    batch.batch_no,
    batch.delta_of_batch_id
from ledger.journal_line as line
inner join ledger.journal_entry as entry on line.entry_id = entry.entry_id
inner join ledger.journal_batch as batch on entry.batch_id = batch.batch_id;

do $$
declare relation regclass;
begin
    foreach relation in array array[
        'ledger.period_event', 'derivation.run', 'derivation.project_file', 'derivation.project_version',
        'ledger.journal_batch', 'ledger.journal_entry', 'ledger.journal_line', 'governance.approval',
        'ledger.close_step', 'ledger.close'
    ]::regclass[] loop
        perform governance.protect(relation);
    end loop;
end $$;
