-- Everything a contract can say and everything that can happen to it: terms of lines, variable consideration,
-- changes told as differences, estimates, disputes, exchange rates. Null means: the source does not say; policy decides.

-- Contract events: how the change is told, the facts that classify it, and terms of the whole contract.
alter table canonical.contract_event
add column change_basis text not null default 'restated' check (change_basis in ('restated', 'delta')),
-- restated: the lines are all lines on the new terms; delta: only what is added, changed or removed
add column modification_id text,
add column classification text check (classification in ('separate_contract', 'prospective', 'cumulative_catch_up')),
-- decided by a person; null: concluded from the three facts
add column adds_distinct boolean,
add column added_at_ssp boolean,                -- of a renewal: priced at the standalone price
add column remaining_distinct boolean,
add column consideration_change_minor bigint,   -- delta: change in price beside the added lines
add column price_credit_minor bigint,           -- delta: credit given with the change, >= 0
add column price_credit_relates_to text check (price_credit_relates_to in ('delivered', 'undelivered')),
add column expected_costs_minor bigint,         -- delta: new estimate of total cost
add column exercised_line_id text,              -- option exercised: the option line
add column combined_with text[],                -- contracts negotiated as one package with this one
add column is_collection_probable boolean,      -- null: true
add column is_cancellable boolean,
add column contract_count numeric(38, 12),
add column financing_rate numeric(20, 10),      -- per year; not null: a significant financing component
add column financing_compounding text check (financing_compounding in ('annual', 'monthly')),
add column cash_selling_price_minor bigint,
add column financing_instalments numeric(38, 12),
add column financing_instalment_minor bigint,
add column payable_minor bigint,                -- consideration payable to the customer
add column payable_date date,
add column payable_is_for_distinct_good boolean,
add column payable_expected_sales_minor bigint,
add column discount_obligations text[],         -- the bundle discount belongs to these obligation keys only
add column repurchase_kind text check (repurchase_kind in ('call_option', 'put_option')),
add column repurchase_price_minor bigint,
add column repurchase_until_date date,
add column return_right_until_date date,
add column initiated_by text check (initiated_by in ('customer', 'entity'));
alter table canonical.contract_event drop constraint contract_event_event_type_check;
alter table canonical.contract_event add constraint contract_event_event_type_check check (event_type in (
    'contract.signed', 'contract.amended', 'contract.renewed', 'contract.terminated', 'contract.option_exercised'
));

alter table canonical.contract_line
add column line_action text not null default 'stated' check (line_action in ('stated', 'added', 'changed', 'removed')),
add column line_kind text not null default 'good_or_service' check (line_kind in ('good_or_service', 'fee', 'discount', 'option')),
add column line_currency_code canonical.currency,   -- null: the contract's
add column recognition_method text check (recognition_method in (
    'ratable_daily', 'ratable_monthly', 'point_in_time', 'usage', 'percent_complete', 'milestone', 'prepaid_drawdown'
)),                                              -- null: as reference.ref_products says
add column ssp_basis text,
add column ssp_low_minor bigint,
add column ssp_high_minor bigint,
add column unit_cost_minor numeric(38, 12),
add column performing_entity_id text,            -- null: the contract's entity
add column is_agent boolean not null default false,
add column commission_rate numeric(20, 10),
add column is_capable_of_being_distinct boolean,
add column is_separately_identifiable boolean,
add column combines_with text[],                 -- line ids
add column royalty_rate numeric(20, 10),
add column minimum_per_quarter_minor bigint,
add column units_purchased numeric(38, 12),
add column expected_units numeric(38, 12),
add column breakage text check (breakage in ('proportional', 'at_expiry')),
add column expires_date date,
add column progress_measure text check (progress_measure in ('cost_to_cost', 'output', 'milestones')),
add column expected_costs_minor bigint,
add column option_measurement text check (option_measurement in ('ssp_of_option', 'practical_alternative')),
add column option_discount_rate numeric(20, 10),
add column option_general_discount_rate numeric(20, 10),
add column option_expected_purchase_minor bigint,
add column option_exercise_probability numeric(20, 10),
add column option_exercise_price_minor bigint,
add column option_target_ssp_minor bigint,
add column renewals_expected numeric(38, 12),
add column renewal_price_minor bigint,
add column renewal_periods text[],               -- label of each expected period, in order
add column renewal_probabilities numeric[],
add column renewal_considerations_minor bigint[],
add column renewal_costs_minor bigint[],
add column remaining_amount_minor bigint,        -- changed: price of what is left
add column remaining_ssp_minor bigint,           -- changed: standalone price of what is left
add column is_excluded_from_rpo boolean not null default false;
alter table canonical.contract_line
alter column quantity drop not null,
alter column amount_minor drop not null,
alter column service_start_date drop not null,
add check (line_action in ('changed', 'removed') or amount_minor is not null);

create table canonical.price_component (            -- variable consideration of a contract event
    event_id text not null references canonical.contract_event (event_id),
    component_no integer not null,
    component_id text not null,                     -- vc_id
    component_kind text not null check (component_kind in (
        'bonus', 'penalty', 'rebate', 'price_concession', 'royalty', 'returns', 'usage'
    )),
    potential_minor bigint,
    estimate_minor bigint,                          -- what the price includes after the constraint
    method text check (method in ('expected_value', 'most_likely', 'constrained', 'not_estimated')),
    outcome_amounts_minor bigint[],
    outcome_probabilities numeric[],
    allocate_to text[],                             -- obligation keys; null: all
    threshold_quantity numeric(38, 12),
    unit_price_after_minor numeric(38, 12),
    tier_up_to numeric[],                           -- null element: no upper end
    tier_unit_prices_minor numeric[],
    expected_quantity numeric(38, 12),
    expected_returns numeric(38, 12),
    primary key (event_id, component_no),
    unique (event_id, component_id)
);

create table canonical.estimate_event (             -- what a person or a system now expects or reports
    like canonical.envelope including constraints,
    contract_id text not null,
    effective_date date not null,
    line_id text,
    component_id text,                              -- estimate.variable: the price component
    estimate_minor bigint,
    expected_quantity numeric(38, 12),
    expected_units numeric(38, 12),                 -- estimate.breakage
    costs_to_date_minor bigint,                     -- progress.reported
    expected_costs_minor bigint,
    uninstalled_costs_minor bigint,
    percent_complete numeric(20, 10),               -- 0 to 100, cumulative
    milestone text,
    is_collection_probable boolean,                 -- collectability.reassessed
    lapsed_right text check (lapsed_right in ('return', 'option', 'repurchase', 'prepaid_units')),  -- right.lapsed
    reason text,
    primary key (event_id),
    check (event_type in (
        'estimate.variable', 'estimate.breakage', 'progress.reported', 'collectability.reassessed', 'right.lapsed'
    ))
);

create table canonical.fx_rate_event (
    like canonical.envelope including constraints,
    rate_date date not null,
    base_currency_code canonical.currency not null,
    quote_currency_code canonical.currency not null,
    rate numeric(20, 10) not null check (rate > 0), -- units of quote per unit of base
    rate_kind text not null check (rate_kind in ('spot', 'closing')),
    primary key (event_id),
    check (event_type = 'fx_rate.published')
);

create table canonical.balance_event (              -- what the books held before the first event
    like canonical.envelope including constraints,
    balance_date date not null,
    account_role text not null,
    currency_code canonical.currency not null,
    amount_minor bigint not null,                   -- debit positive, credit negative
    primary key (event_id),
    check (event_type = 'balance.opened')
);

alter table canonical.usage_event
add column line_id text,                        -- when the source names the contract line
add column period_start_date date,
add column period_end_date date,
add column customer_sales_minor bigint;         -- royalties: what the customer sold

alter table canonical.fulfilment_event
add column amount_minor bigint;                 -- stated price of what passed, when told in money
alter table canonical.fulfilment_event alter column quantity drop not null, alter column quantity drop default;

create table canonical.credit_line (                -- what a credit note credits
    event_id text not null references canonical.credit_event (event_id),
    line_no integer not null,
    contract_line_id text,
    amount_minor bigint not null,                   -- ex tax; positive lowers what the customer owes
    tax_minor bigint not null,
    period_start_date date,
    period_end_date date,
    primary key (event_id, line_no)
);
create table canonical.credit_settlement (          -- where the credit goes; none: off the receivable
    event_id text not null references canonical.credit_event (event_id),
    line_no integer not null,
    settle_to text not null check (settle_to in ('reduce_receivable', 'customer_credit', 'refund', 'external')),
    amount_minor bigint not null,                   -- tax included
    primary key (event_id, line_no)
);

alter table canonical.payment_event
add column related_id text;
-- of a refund: credit note; of a dispute: payment; of its close: dispute; of a recovery: write-off
alter table canonical.payment_event drop constraint payment_event_event_type_check;
alter table canonical.payment_event add constraint payment_event_event_type_check check (event_type in (
    'payment.settled', 'payment.refunded', 'credit.applied', 'dispute.opened', 'dispute.won', 'dispute.lost',
    'receivable.written_off', 'receivable.recovered'
));
alter table canonical.payment_event
alter column customer_id drop not null,
alter column currency_code drop not null,
alter column amount_minor drop not null;        -- a dispute's close names only the dispute

do $$
declare name text;
begin
    foreach name in array array['price_component', 'estimate_event', 'fx_rate_event', 'balance_event', 'credit_line',
        'credit_settlement'] loop
        execute format('create trigger %I before update or delete or truncate on canonical.%I '
            'for each statement execute function landing.refuse_change()', name || '_append_only', name);
    end loop;
end $$;

grant select, insert on canonical.price_component, canonical.estimate_event, canonical.fx_rate_event, canonical.balance_event,
canonical.credit_line, canonical.credit_settlement to revenue_app;
