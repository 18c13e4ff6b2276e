-- Statements of export.py.

-- name: journal
select
    line.entry_id,
    line.line_no,
    entry.batch_id,
    line.entity_id,
    line.posting_period,
    line.economic_period,
    line.contract_id,
    line.obligation_id,
    line.movement,
    line.account_code,
    line.currency_code,
    line.amount_minor,
    line.functional_currency_code,
    line.functional_amount_minor,
    entry.posting_kind,
    entry.cause,
    entry.event_ids
from ledger.journal_line as line
inner join ledger.journal_entry as entry on line.entry_id = entry.entry_id
where line.entity_id = %(entity_id)s and line.posting_period = %(period)s
order by line.entry_id collate "C", line.line_no
