-- Canonical rows of a scaled-up company: :contracts contracts of three lines, one in ten amended, one in twenty
-- terminated. Parameters: contracts, first_contract, first_seq. Deterministic: everything follows from the number.
insert into canonical.contract_event (
    event_id, event_type, source_system, source_object, source_id, source_version, occurred_at, recorded_at, known_seq,
    inbox_id, entity_id, payload_hash, raw_uri, schema_version, adapter_version, contract_id, contract_version, customer_id,
    currency_code, signed_date, effective_date, end_date, refund_minor
)
select
    'e' || n || '-' || v, case v when 1 then 'contract.signed' when 2 then 'contract.amended' else 'contract.terminated' end,
    'bench', 'order', n::text, v::text, started, started, :first_seq + n, n, 'TEST', '', '', '1', '1',
    'c' || n, v, 'u' || n % 1000, 'USD', started::date,
    case v when 1 then started::date when 2 then started::date + 100 else started::date + 150 end,
    case when v < 3 then (started + interval '1 year')::date - 1 end, 0
from generate_series(:first_contract, :first_contract + :contracts - 1) as numbers (n)
cross join lateral (select timestamptz '2025-01-01 00:00+00' + make_interval(days => (n::bigint * 7919 % 330)::int) as started) as starts
cross join generate_series(1, 3) as versions (v)
where v = 1 or (v = 2 and n % 10 = 0) or (v = 3 and n % 20 = 1);

insert into canonical.contract_line (
    event_id, line_no, line_id, obligation_key, product_code, quantity, amount_minor, ssp_minor, service_start_date, service_end_date
)
select
    events.event_id, line_no, 'l' || line_no, 'l' || line_no,
    case line_no when 1 then 'PLATFORM' when 2 then 'SUPPORT' else 'PLATFORM_MONTHLY' end, 1,
    100000 + events.inbox_id * 37 % 900000 + line_no * 1000 + case when events.contract_version = 2 then 5000 else 0 end,
    120000 + line_no * 10007, date '2025-01-01' + (events.inbox_id * 7919 % 330)::int, events.end_date
from canonical.contract_event as events
cross join generate_series(1, 3) as lines (line_no)
where
    events.source_system = 'bench' and events.event_type <> 'contract.terminated'
    and events.inbox_id >= :first_contract and events.inbox_id < :first_contract + :contracts;
