-- Hand-made books: see books.py.
create schema marts;
create table marts.dim_period (
    entity_id text, period_start_date date, period_end_date date, is_reported boolean);
create table marts.dim_account (
    entity_id text, account_code text, account_role text, account_name text, account_type text,
    effective_from date default '1900-01-01', effective_until date);
create table marts.dim_contract (
    contract_id text, entity_id text, customer_id text, currency_code text, start_date date, end_date date,
    version_count integer, transaction_price_minor bigint, is_quarantined boolean, package_id text,
    arrangement_id text, is_ended boolean);
create table marts.fct_accounting_movement (
    movement_id text, entity_id text, contract_id text, obligation_id text, movement text,
    economic_period date, currency_code text, debit_role text, credit_role text,
    debit_account_code text, credit_account_code text, amount_minor bigint,
    economic_date date, arrangement_id text, functional_currency_code text, functional_amount_minor bigint);
create table marts.fct_revenue_schedule (
    schedule_id text, entity_id text, contract_id text, obligation_id text, contract_version integer,
    component text, economic_period date, currency_code text, recognized_before_minor bigint,
    recognized_to_date_minor bigint, recognized_minor bigint, performing_entity_id text);
create table marts.fct_performance_obligation (
    obligation_id text, entity_id text, contract_id text, obligation_key text, currency_code text,
    allocated_minor bigint, pending_minor bigint, scheduled_minor bigint, recognition_method text,
    service_end_date date, package_id text, arrangement_id text);
create table marts.fct_contract_position (
    entity_id text, contract_id text, currency_code text, period_start_date date, period_end_date date,
    billed_minor bigint, recognized_minor bigint, receivable_minor bigint, contract_asset_minor bigint,
    contract_liability_minor bigint, contract_liability_current_minor bigint,
    contract_liability_noncurrent_minor bigint);
create table marts.fct_deferred_revenue_rollforward (
    entity_id text, currency_code text, account_code text, period_start_date date, opening_minor bigint,
    billings_minor bigint, credits_minor bigint, recognized_minor bigint, reclass_minor bigint,
    other_minor bigint, closing_minor bigint);
create table marts.fct_usage_entitlement (
    event_id text, usage_id text, entity_id text, contract_id text, line_id text, customer_id text,
    meter text, quantity numeric, usage_date date, economic_period date, is_entitled boolean,
    reason_code text, is_trial boolean);
create table marts.fct_exception (
    exception_id text, entity_id text, reason_code text, subject_type text, subject_id text,
    is_blocking boolean default false);
create table marts.fct_obligation_segment (
    entity_id text, contract_id text, contract_version integer, obligation_id text, base_minor bigint,
    price_minor bigint, window_start_date date, window_end_date date, cut_date date, segment_no integer,
    term_no integer default 1, in_force_from date, until_date date, allocated_minor bigint,
    is_over boolean default false, is_in_rpo boolean default true);
create table marts.fct_remaining_performance_obligation (
    entity_id text, package_id text, contract_id text, obligation_id text, as_of_date date, expected_period date,
    band text, currency_code text, amount_minor bigint);
create table marts.fct_contract_gate (
    entity_id text, contract_id text, arrangement_id text, gate text, closed_from_date date, opened_date date);
create table marts.fct_progress_step (
    entity_id text, contract_id text, obligation_id text, step_date date, until_date date, measure numeric, total numeric,
    set_aside_minor bigint default 0);
create table marts.fct_interest (
    entity_id text, contract_id text, economic_date date, side text, interest_minor bigint);
create table marts.fct_catch_up (
    entity_id text, package_id text, obligation_key text, effective_date date, economic_period date,
    amount_minor bigint);

insert into marts.dim_period
select entity_id, month::date, (month + interval '1 month' - interval '1 day')::date, month < '2025-04-01'
from unnest(array['US', 'DE']) as entity_id,
    generate_series(timestamp '2025-01-01', '2025-05-01', interval '1 month') as month;

insert into marts.dim_account (entity_id, account_code, account_role, account_name, account_type)
select 'US', code, role, role, 'any' from (values
    ('1000', 'cash'), ('1100', 'receivable'), ('1130', 'contract_asset'), ('2000', 'tax_payable'),
    ('2100', 'contract_liability'), ('4000', 'subscription_revenue'), ('4010', 'usage_revenue'),
    ('4020', 'services_revenue')
) as chart (code, role);

insert into marts.dim_contract values
    ('C1', 'US', 'K1', 'USD', '2025-01-01', '2025-03-31', 1, 10500, false),
    ('C2', 'US', 'K2', 'USD', '2025-01-01', '2025-02-28', 1, 5900, false),
    ('C3', 'US', 'K3', 'USD', '2025-01-01', '2025-12-31', 1, 7700, true);

update marts.dim_contract
set package_id = contract_id, arrangement_id = contract_id, is_ended = contract_id = 'C2';

insert into marts.fct_performance_obligation values
    ('O1', 'US', 'C1', 'platform', 'USD', 9000, 0, 9000, 'ratable_daily', '2025-03-31'),
    ('O1S', 'US', 'C1', 'onboarding', 'USD', 1500, 1500, 0, 'point_in_time', null),
    ('O2', 'US', 'C2', 'platform', 'USD', 5900, 0, 5900, 'ratable_daily', '2025-02-28');
update marts.fct_performance_obligation set package_id = contract_id, arrangement_id = contract_id;

insert into marts.fct_obligation_segment values
    ('US', 'C1', 1, 'O1', 0, 4000, '2025-01-01', '2025-03-31', '2025-02-10', 1),
    ('US', 'C1', 2, 'O1', 4000, 5000, '2025-02-10', '2025-03-31', null, 2),
    ('US', 'C1', 1, 'O1S', 0, 1500, null, null, null, 1),
    ('US', 'C2', 1, 'O2', 0, 5900, '2025-01-01', '2025-02-28', null, 1);
update marts.fct_obligation_segment
set
    in_force_from = window_start_date, until_date = cut_date, allocated_minor = base_minor + price_minor;
update marts.fct_obligation_segment set in_force_from = '2025-01-01' where obligation_id = 'O1S';
insert into marts.fct_remaining_performance_obligation values
    ('US', 'C1', 'C1', 'O1', '2025-01-31', '2025-02-01', '0-12', 'USD', 2800),
    ('US', 'C1', 'C1', 'O1', '2025-01-31', '2025-03-01', '0-12', 'USD', 3100),
    ('US', 'C1', 'C1', 'O1S', '2025-03-31', null, 'undated', 'USD', 1500);
insert into marts.fct_catch_up values
    ('US', 'C1', 'platform', '2025-02-10', '2025-02-01', 100);

insert into marts.fct_revenue_schedule values
    ('s1', 'US', 'C1', 'O1', 1, 'fixed', '2025-01-01', 'USD', 0, 3100, 3100),
    ('s2', 'US', 'C1', 'O1', 1, 'fixed', '2025-02-01', 'USD', 3100, 5900, 2800),
    ('s3', 'US', 'C1', 'O1', 1, 'fixed', '2025-03-01', 'USD', 5900, 9000, 3100),
    ('s4', 'US', 'C1', 'O1U', 1, 'usage', '2025-02-01', 'USD', 0, 200, 200),
    ('s5', 'US', 'C2', 'O2', 1, 'fixed', '2025-01-01', 'USD', 0, 3100, 3100),
    ('s6', 'US', 'C2', 'O2', 1, 'fixed', '2025-02-01', 'USD', 3100, 5900, 2800);

insert into marts.fct_accounting_movement values
    ('m01', 'US', 'C1', '', 'billing', '2025-01-01', 'USD', 'receivable', 'contract_liability', '1100', '2100', 9000),
    ('m02', 'US', 'C1', '', 'tax', '2025-01-01', 'USD', 'receivable', 'tax_payable', '1100', '2000', 900),
    ('m03', 'US', 'C1', 'O1', 'recognition', '2025-01-01', 'USD', 'contract_liability', 'subscription_revenue',
        '2100', '4000', 3100),
    ('m04', 'US', 'C1', 'O1', 'recognition', '2025-02-01', 'USD', 'contract_liability', 'subscription_revenue',
        '2100', '4000', 2800),
    ('m05', 'US', 'C1', 'O1U', 'usage', '2025-02-01', 'USD', 'contract_liability', 'usage_revenue',
        '2100', '4010', 200),
    ('m06', 'US', 'C1', '', 'payment', '2025-02-01', 'USD', 'cash', 'receivable', '1000', '1100', 9900),
    ('m07', 'US', 'C1', 'O1', 'recognition', '2025-03-01', 'USD', 'contract_liability', 'subscription_revenue',
        '2100', '4000', 3100),
    ('m08', 'US', 'C1', '', 'asset_reclass', '2025-03-01', 'USD', 'contract_asset', 'contract_liability',
        '1130', '2100', 200),
    ('m09', 'US', 'C2', 'O2', 'recognition', '2025-01-01', 'USD', 'contract_liability', 'subscription_revenue',
        '2100', '4000', 3100),
    ('m10', 'US', 'C2', '', 'asset_reclass', '2025-01-01', 'USD', 'contract_asset', 'contract_liability',
        '1130', '2100', 3100),
    ('m11', 'US', 'C2', '', 'billing', '2025-02-01', 'USD', 'receivable', 'contract_liability', '1100', '2100', 5900),
    ('m12', 'US', 'C2', 'O2', 'recognition', '2025-02-01', 'USD', 'contract_liability', 'subscription_revenue',
        '2100', '4000', 2800),
    ('m13', 'US', 'C2', '', 'asset_reclass', '2025-02-01', 'USD', 'contract_asset', 'contract_liability',
        '1130', '2100', -3100),
    ('d01', 'DE', 'D1', '', 'billing', '2025-01-17', 'eur', 'receivable', 'contract_liability', null, '9999', 0);

update marts.fct_accounting_movement
set economic_date = economic_period, arrangement_id = contract_id, functional_currency_code = currency_code,
    functional_amount_minor = amount_minor;

insert into marts.fct_contract_position values
    ('US', 'C1', 'USD', '2025-01-01', '2025-01-31', 9000, 3100, 9900, 0, 5900),
    ('US', 'C1', 'USD', '2025-02-01', '2025-02-28', 9000, 6100, 0, 0, 2900),
    ('US', 'C1', 'USD', '2025-03-01', '2025-03-31', 9000, 9200, 0, 200, 0),
    ('US', 'C2', 'USD', '2025-01-01', '2025-01-31', 0, 3100, 0, 3100, 0),
    ('US', 'C2', 'USD', '2025-02-01', '2025-02-28', 5900, 5900, 5900, 0, 0),
    ('US', 'C2', 'USD', '2025-03-01', '2025-03-31', 5900, 5900, 5900, 0, 0);

update marts.fct_contract_position
set contract_liability_current_minor = contract_liability_minor, contract_liability_noncurrent_minor = 0;

insert into marts.fct_deferred_revenue_rollforward values
    ('US', 'USD', '2100', '2025-01-01', 0, 9000, 0, -6200, 3100, 0, 5900),
    ('US', 'USD', '2100', '2025-02-01', 5900, 5900, 0, -5800, -3100, 0, 2900),
    ('US', 'USD', '2100', '2025-03-01', 2900, 0, 0, -3100, 200, 0, 0);

insert into marts.fct_usage_entitlement values
    ('e1', 'u1', 'US', 'C1', 'L1', 'K1', 'api', 20, '2025-02-03', '2025-02-01', true, null, false),
    ('e2', 'u2', 'US', 'C1', null, 'K1', 'api', 7, '2025-04-02', '2025-04-01', false, 'AFTER_END', false),
    ('e3', 'u3', 'US', 'C1', null, 'K1', 'api', 1, '2025-02-05', '2025-02-01', false, 'COLLISION', false),
    ('e4', 'u3', 'US', 'C1', null, 'K1', 'api', 2, '2025-02-05', '2025-02-01', false, 'COLLISION', false);

insert into marts.fct_exception values
    ('x1', 'US', 'AFTER_END', 'usage', 'e2'),
    ('x2', 'US', 'COLLISION', 'usage_id', 'u3');

insert into landing.load (
    source, channel, origin, content_sha256, received_count, added_count, duplicate_count, collision_count)
values ('crm_orders', 'file', 'orders.jsonl', 'hash', 2, 1, 1, 0);
insert into landing.inbox (
    source, tenant, channel, delivery_key, content_type, body, body_sha256, origin, load_id)
values ('crm_orders', 'acct_us', 'file', 'k', 'application/json', 'x', encode(sha256('x'), 'hex'), 'orders.jsonl', 1);
insert into landing.attempt (inbox_id, log_seq, adapter_version, outcome) values (1, 1, '1', 'processed');
insert into landing.watermark (consumer, log_seq) values ('canonical', 41);
