-- One contract in a hundred is amended: from its 120th day on its lines cost more. Parameter: remainder, odd and not a
-- multiple of 5, so that it meets no contract of generate.sql that was changed before.
insert into canonical.contract_event (
    event_id, event_type, source_system, source_object, source_id, source_version, occurred_at, recorded_at, known_seq,
    inbox_id, entity_id, payload_hash, raw_uri, schema_version, adapter_version, contract_id, contract_version, customer_id,
    currency_code, signed_date, effective_date, end_date, refund_minor
)
select
    'e' || inbox_id || '-2', 'contract.amended', source_system, source_object, source_id, '2', occurred_at, recorded_at,
    known_seq, inbox_id, entity_id, payload_hash, raw_uri, schema_version, adapter_version, contract_id, 2, customer_id,
    currency_code, signed_date, effective_date + 120, end_date, refund_minor
from canonical.contract_event
where source_system = 'bench' and contract_version = 1 and inbox_id % 100 = :remainder;

insert into canonical.contract_line (
    event_id, line_no, line_id, obligation_key, product_code, quantity, amount_minor, ssp_minor, service_start_date, service_end_date
)
select
    events.event_id, lines.line_no, lines.line_id, lines.obligation_key, lines.product_code, lines.quantity,
    lines.amount_minor + 7000, lines.ssp_minor, lines.service_start_date, lines.service_end_date
from canonical.contract_event as events
inner join canonical.contract_line as lines on 'e' || events.inbox_id || '-1' = lines.event_id
where
    events.source_system = 'bench' and events.event_type = 'contract.amended' and events.inbox_id % 100 = :remainder;
