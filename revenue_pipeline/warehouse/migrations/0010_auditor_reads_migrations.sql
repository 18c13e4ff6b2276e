-- Whoever verifies a database has to see first whether it is one of this version.
grant select on public.schema_migration to revenue_auditor;
