-- erp: what ERP teams read. Views only; posted lines never change and never vanish.
create schema erp;

create view erp.journal_lines as
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
    batch.posted_at
from ledger.journal_line as line
inner join ledger.journal_entry as entry on line.entry_id = entry.entry_id
inner join ledger.journal_batch as batch on entry.batch_id = batch.batch_id;

-- Roles are of the server, not of the database: create them once, grant in every database.
do $$
begin
    if not exists (select from pg_roles where rolname = 'revenue_app') then
        create role revenue_app nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'erp_reader') then
        create role erp_reader nologin;
    end if;
end $$;
grant usage on schema erp to erp_reader;
grant select on all tables in schema erp to erp_reader;

grant usage on schema landing, canonical, governance, ledger, erp to revenue_app;
grant select on all tables in schema landing, canonical, governance, ledger, erp to revenue_app;
grant insert on all tables in schema landing, canonical, governance, ledger to revenue_app;
grant delete on landing.unsequenced to revenue_app;
grant update on landing.watermark, ledger.period to revenue_app;
