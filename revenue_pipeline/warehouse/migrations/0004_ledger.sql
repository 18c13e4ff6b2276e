-- ledger: what was posted. Append-only; a correction is another entry.
create schema ledger;

create table ledger.period (                    -- current state; its history is ledger.period_event
    entity_id text not null,
    period_start_date date not null check (extract(day from period_start_date) = 1),
    state text not null check (state in ('open', 'closed')),
    primary key (entity_id, period_start_date)
);
create table ledger.period_event (
    period_event_id bigint generated always as identity primary key,
    entity_id text not null,
    period_start_date date not null,
    state text not null check (state in ('open', 'closed')),
    actor text not null,
    reason text not null,
    at timestamptz not null default clock_timestamp()
);

create table ledger.journal_batch (
    batch_id text primary key,                  -- hash of content and origin
    entity_id text not null,
    posting_period date not null,
    known_seq bigint not null,                  -- watermark of the log the derivation had read
    verdict_id bigint not null references governance.gate_verdict (verdict_id),
    fingerprint text not null,
    line_count bigint not null check (line_count > 0),
    run_id text not null,
    posted_at timestamptz not null default clock_timestamp(),
    foreign key (entity_id, posting_period) references ledger.period (entity_id, period_start_date)
);
create table ledger.journal_entry (
    entry_id text primary key,                  -- hash of content and origin
    batch_id text not null references ledger.journal_batch (batch_id),
    entity_id text not null,
    posting_period date not null,
    economic_period date not null,
    contract_id text not null,
    movement text not null,
    currency_code text not null check (currency_code ~ '^[A-Z]{3}$'),
    is_late boolean not null,                   -- economic_period lies before posting_period
    check (economic_period <= posting_period)
);
create table ledger.journal_line (
    entry_id text not null references ledger.journal_entry (entry_id),
    line_no integer not null check (line_no >= 1),
    entity_id text not null,
    posting_period date not null,
    economic_period date not null,
    contract_id text not null,
    obligation_id text not null,                -- '' where the movement belongs to the contract as a whole
    movement text not null,
    account_code text not null,
    currency_code text not null,
    amount_minor bigint not null check (amount_minor <> 0),  -- debit positive, credit negative
    primary key (entry_id, line_no)
);
create index journal_line_by_period on ledger.journal_line (entity_id, economic_period);
create index journal_line_by_posting on ledger.journal_line (entity_id, posting_period);

-- An entry balances when it is born: all its lines come in one statement.
create function ledger.entries_balance() returns trigger language plpgsql as $$
declare bad record;
begin
    select new_line.entry_id, sum(new_line.amount_minor) as residual into bad
    from new_lines as new_line
    group by new_line.entry_id
    having sum(new_line.amount_minor) <> 0 or count(*) < 2
    limit 1;
    if found then
        raise exception 'entry % does not balance: debits minus credits = % minor units', bad.entry_id, bad.residual
            using errcode = 'check_violation';
    end if;
    select new_line.entry_id, 0 into bad
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
create trigger journal_line_balances after insert on ledger.journal_line
referencing new table as new_lines
for each statement execute function ledger.entries_balance();

-- Nothing is posted into a period that is not open.
create function ledger.period_is_open() returns trigger language plpgsql as $$
declare current_state text;
begin
    select state into current_state from ledger.period
    where entity_id = new.entity_id and period_start_date = new.posting_period for share;
    if current_state is distinct from 'open' then
        raise exception 'period % of % is %, not open', to_char(new.posting_period, 'YYYY-MM'), new.entity_id,
            coalesce(current_state, 'unknown') using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger journal_batch_open_period before insert on ledger.journal_batch
for each row execute function ledger.period_is_open();
create trigger journal_entry_open_period before insert on ledger.journal_entry
for each row execute function ledger.period_is_open();

create trigger journal_batch_append_only before update or delete or truncate on ledger.journal_batch
for each statement execute function landing.refuse_change();
create trigger journal_entry_append_only before update or delete or truncate on ledger.journal_entry
for each statement execute function landing.refuse_change();
create trigger journal_line_append_only before update or delete or truncate on ledger.journal_line
for each statement execute function landing.refuse_change();
create trigger period_event_append_only before update or delete or truncate on ledger.period_event
for each statement execute function landing.refuse_change();
create trigger period_kept before delete or truncate on ledger.period
for each statement execute function landing.refuse_change();
