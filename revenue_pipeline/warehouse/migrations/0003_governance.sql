-- governance: who or what allowed a number to pass.
create schema governance;

-- One verdict of one gate on one entity's rows. The journal asks for the newest on the very rows it reads.
create table governance.gate_verdict (
    verdict_id bigint generated always as identity primary key,
    gate text not null,
    entity_id text not null,
    fingerprint text not null,                  -- of the entity's rows in every table the gate judges
    suite_hash text not null,                   -- of the suites that judged them
    passed boolean not null,
    rules_evaluated integer not null check (rules_evaluated > 0),
    broken_rules text[] not null default '{}',
    detail jsonb not null default '{}',
    run_id text not null,
    decided_at timestamptz not null default clock_timestamp(),
    check (passed = (cardinality(broken_rules) = 0))
);
create index gate_verdict_newest on governance.gate_verdict (gate, entity_id, verdict_id desc);
create trigger gate_verdict_append_only before update or delete or truncate on governance.gate_verdict
for each statement execute function landing.refuse_change();
