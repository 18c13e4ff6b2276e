-- Which derive read what is evidence too: its runs join the chain.
select governance.protect('derivation.run');
select governance.protect('derivation.run_end');
grant usage on schema derivation to revenue_auditor;
grant select on derivation.scope, derivation.reach to revenue_auditor;
