-- Interest of a significant financing component, on the day it is recorded.
--
-- customer: the customer paid ahead; its money earns interest until the goods pass (ASC 606-10-32-15).
-- entity: the goods passed ahead at their cash price; what is open earns interest until it is paid.
-- repurchase: the goods may come back, the money is a loan; price of the way back less money received, by
-- days, at the month ends and on the day the right lapses.
-- Compound interest is recorded on the last day of each period, counted from the first day on which one side
-- financed the other, and a rest on the day that ends it. The day of a payment counts, the day of transfer does
-- not. Rounded on running totals.

with

arrangements as (

    select * from {{ ref('int_contracts__arrangements') }}

),

events as (

    select * from {{ ref('stg_canonical__contract_events') }}

),

entities as (

    select
        entity_id,
        {{ period_end_of('entity_id', 'last_period') }} as last_date
    from {{ ref('ref_legal_entities') }}

),

gates as (

    select * from {{ ref('int_contracts__gates') }}

),

-- The terms agreed first.
terms as (

    select distinct on (events.entity_id, events.contract_id)
        events.entity_id,
        events.contract_id,
        events.event_id,
        events.effective_date,
        events.currency_code,
        events.financing_rate,
        case events.financing_compounding when 'monthly' then 1 else 12 end as period_months,
        events.cash_selling_price_minor,
        events.financing_instalments,
        events.financing_instalment_minor,
        (events.financing_instalments * events.financing_instalment_minor)::bigint as instalments_minor,
        case
            when events.cash_selling_price_minor is null and events.financing_instalment_minor is null then 'customer'
            else 'entity'
        end as side
    from events
    where events.financing_rate is not null
    order by
        events.entity_id asc, events.contract_id asc, events.effective_date asc, events.contract_version asc,
        events.event_id asc

),

line_dates as (

    select
        terms.entity_id,
        terms.contract_id,
        lines.line_id,
        lines.amount_minor,
        coalesce(min(fulfilments.fulfilled_date), lines.service_start_date) as passed_date
    from terms
    inner join {{ ref('stg_canonical__contract_lines') }} as lines
        on terms.event_id = lines.event_id and lines.line_kind = 'good_or_service'
    left join {{ ref('stg_canonical__fulfilment_events') }} as fulfilments
        on
            terms.entity_id = fulfilments.entity_id
            and terms.contract_id = fulfilments.contract_id
            and lines.line_id = fulfilments.line_id
    group by terms.entity_id, terms.contract_id, lines.line_id, lines.amount_minor, lines.service_start_date

),

line_totals as (

    select
        entity_id,
        contract_id,
        sum(amount_minor)::bigint as amount_minor,
        case when bool_and(passed_date is not null) then max(passed_date) end as passed_date
    from line_dates
    group by entity_id, contract_id

),

endings as (

    select
        entity_id,
        contract_id,
        min(effective_date) as effective_date
    from events
    where event_type = 'contract.terminated'
    group by entity_id, contract_id

),

returns as (

    select
        entity_id,
        contract_id,
        max(coalesce(opened_date, 'infinity'::date)) as opened_date
    from gates
    where gate in ('return', 'collectability')
    group by entity_id, contract_id

),

financed as (

    select
        terms.entity_id,
        terms.contract_id,
        terms.currency_code,
        terms.financing_rate,
        terms.period_months,
        terms.side,
        coalesce(
            terms.cash_selling_price_minor,
            round(
                {{ present_value('terms.financing_instalment_minor', 'terms.financing_rate', 'terms.period_months', 'terms.financing_instalments') }}
                / coalesce(policies.rounding_unit_minor, 1)
            ) * coalesce(policies.rounding_unit_minor, 1)
        )::bigint as cash_price_minor,
        coalesce(terms.instalments_minor, line_totals.amount_minor) as claim_minor,
        coalesce(policies.rounding_unit_minor, 1) as rounding_unit_minor,
        line_totals.passed_date,
        -- On trial the goods count from when they were sent, the books from when they are kept.
        returns.opened_date,
        endings.effective_date as ended_date,
        entities.last_date
    from terms
    inner join line_totals
        on terms.entity_id = line_totals.entity_id and terms.contract_id = line_totals.contract_id
    inner join entities on terms.entity_id = entities.entity_id
    left join endings on terms.entity_id = endings.entity_id and terms.contract_id = endings.contract_id
    left join returns on terms.entity_id = returns.entity_id and terms.contract_id = returns.contract_id
    left join {{ ref('int_policies__in_force') }} as policies
        on
            terms.entity_id = policies.entity_id
            and terms.effective_date >= policies.effective_from
            and terms.effective_date < coalesce(policies.effective_until, 'infinity'::date)
    where coalesce(returns.opened_date, '-infinity'::date) < 'infinity'::date

),

payments as (

    select
        entity_id,
        contract_id,
        gate,
        document_date,
        sum(case document_type when 'payment' then amount_minor else -amount_minor end)::bigint as paid_minor
    from {{ ref('int_documents__classified') }}
    where document_type in ('payment', 'refund')
    group by entity_id, contract_id, gate, document_date

),

-- Money the customer lends: what it paid before the goods passed.
lent_by_customer as (

    select
        financed.entity_id,
        financed.contract_id,
        payments.document_date as flow_date,
        payments.paid_minor as flow_minor,
        min(payments.document_date) over (partition by financed.entity_id, financed.contract_id) as start_date,
        least(financed.passed_date, financed.ended_date, financed.last_date + 1) as end_date,
        null::bigint as end_interest_minor
    from financed
    inner join payments
        on financed.entity_id = payments.entity_id and financed.contract_id = payments.contract_id
    where
        financed.side = 'customer'
        and payments.gate is null
        and payments.document_date < coalesce(financed.passed_date, 'infinity'::date)

),

paid_to_date as (

    select
        financed.entity_id,
        financed.contract_id,
        payments.document_date,
        sum(payments.paid_minor) over (
            partition by financed.entity_id, financed.contract_id
            order by payments.document_date
        ) as paid_minor,
        financed.claim_minor
    from financed
    inner join payments
        on financed.entity_id = payments.entity_id and financed.contract_id = payments.contract_id
    where financed.side = 'entity'

),

paid_up as (

    select
        entity_id,
        contract_id,
        min(document_date) as paid_date
    from paid_to_date
    where paid_minor >= claim_minor
    group by entity_id, contract_id

),

-- Money the entity lends: the cash price, less what was paid. Paid on the last day of a period, it counts
-- from the next one.
lent_by_entity as (

    select
        financed.entity_id,
        financed.contract_id,
        case
            when
                {{ period_start(
                    'financed.passed_date',
                    whole_periods('financed.passed_date', '(flows.flow_date + 1)', 'financed.period_months'),
                    'financed.period_months'
                ) }}
                = flows.flow_date + 1
                and flows.flow_date > financed.passed_date
                then flows.flow_date + 1
            else flows.flow_date
        end as flow_date,
        flows.flow_minor,
        financed.passed_date as start_date,
        least(
            case when paid_up.paid_date is not null then greatest(paid_up.paid_date, financed.passed_date) end,
            financed.ended_date,
            financed.last_date + 1
        ) as end_date,
        case
            when paid_up.paid_date <= least(financed.ended_date, financed.last_date)
                then financed.claim_minor - financed.cash_price_minor
        end as end_interest_minor
    from financed
    inner join lateral (
        select
            financed.passed_date as flow_date,
            financed.cash_price_minor as flow_minor
        union all
        select
            greatest(payments.document_date, financed.passed_date) as flow_date,
            -payments.paid_minor as flow_minor
        from payments
        where payments.entity_id = financed.entity_id and payments.contract_id = financed.contract_id
    ) as flows on true
    left join paid_up on financed.entity_id = paid_up.entity_id and financed.contract_id = paid_up.contract_id
    where financed.side = 'entity' and financed.passed_date is not null

),

flows as (

    select * from lent_by_customer
    union all
    select * from lent_by_entity

),

loans as (

    select
        entity_id,
        contract_id,
        min(start_date) as start_date,
        max(end_date) as end_date,
        max(end_interest_minor) as end_interest_minor
    from flows
    group by entity_id, contract_id

),

-- Days on which interest is recorded, and the first day it no longer counts.
days as (

    select
        loans.entity_id,
        loans.contract_id,
        {{ period_start('loans.start_date', 'numbers.period_no', 'financed.period_months') }} - 1 as economic_date,
        {{ period_start('loans.start_date', 'numbers.period_no', 'financed.period_months') }} as until_date
    from loans
    inner join financed on loans.entity_id = financed.entity_id and loans.contract_id = financed.contract_id
    inner join lateral generate_series(
        1, {{ whole_periods('loans.start_date', '(loans.end_date + 1)', 'financed.period_months') }}
    ) as numbers (period_no) on true
    where {{ period_start('loans.start_date', 'numbers.period_no', 'financed.period_months') }} - 1 <= financed.last_date
    union
    select
        loans.entity_id,
        loans.contract_id,
        loans.end_date as economic_date,
        loans.end_date as until_date
    from loans
    inner join financed on loans.entity_id = financed.entity_id and loans.contract_id = financed.contract_id
    where
        loans.end_date <= financed.last_date
        and {{ period_start(
            'loans.start_date',
            whole_periods('loans.start_date', '(loans.end_date + 1)', 'financed.period_months'),
            'financed.period_months'
        ) }}
        <> loans.end_date + 1

),

-- Each sum on each day: the periods in which it was lent and in which the day lies.
lent_periods as (

    select
        days.entity_id,
        days.contract_id,
        days.economic_date,
        days.until_date,
        financed.period_months,
        financed.financing_rate * financed.period_months / 12 as period_rate,
        loans.start_date,
        loans.end_date,
        loans.end_interest_minor,
        flows.flow_date,
        flows.flow_minor,
        {{ whole_periods('loans.start_date', 'flows.flow_date', 'financed.period_months') }} as first_no,
        {{ whole_periods('loans.start_date', 'days.until_date', 'financed.period_months') }} as last_no
    from days
    inner join financed on days.entity_id = financed.entity_id and days.contract_id = financed.contract_id
    inner join loans on days.entity_id = loans.entity_id and days.contract_id = loans.contract_id
    inner join flows
        on
            days.entity_id = flows.entity_id
            and days.contract_id = flows.contract_id
            and days.until_date > flows.flow_date

),

bounded as (

    select
        *,
        {{ period_start('start_date', 'first_no', 'period_months') }} as first_start_date,
        {{ period_start('start_date', 'first_no + 1', 'period_months') }} as first_end_date,
        {{ period_start('start_date', 'last_no', 'period_months') }} as last_start_date,
        {{ period_start('start_date', 'last_no + 1', 'period_months') }} as last_end_date
    from lent_periods

),

parts as (

    select
        *,
        {{ period_part('flow_date', 'least(first_end_date, until_date)', 'first_start_date', 'first_end_date', 'period_months') }}
            as first_part,
        {{ period_part('last_start_date', 'until_date', 'last_start_date', 'last_end_date', 'period_months') }} as last_part
    from bounded

),

accrued as (

    select
        entity_id,
        contract_id,
        economic_date,
        case
            when economic_date = max(end_date) and max(end_interest_minor) is not null then max(end_interest_minor)
            else
                sum(
                    flow_minor
                    * (
                        (1 + period_rate * first_part)
                        * case
                            when first_no = last_no then 1
                            else power(1 + period_rate, last_no - first_no - 1) * (1 + period_rate * last_part)
                        end
                        - 1
                    )
                )
        end as interest_to_date
    from parts
    group by entity_id, contract_id, economic_date

),

rounded as (

    select
        accrued.entity_id,
        accrued.contract_id,
        financed.currency_code,
        financed.side,
        greatest(accrued.economic_date, financed.opened_date) as economic_date,
        max(round(accrued.interest_to_date / financed.rounding_unit_minor) * financed.rounding_unit_minor)
            as interest_to_date_minor
    from accrued
    inner join financed on accrued.entity_id = financed.entity_id and accrued.contract_id = financed.contract_id
    group by
        accrued.entity_id, accrued.contract_id, financed.currency_code, financed.side,
        greatest(accrued.economic_date, financed.opened_date)

),

compounded as (

    select
        entity_id,
        contract_id,
        economic_date,
        currency_code,
        side,
        (interest_to_date_minor - lag(interest_to_date_minor, 1, 0::numeric) over (
            partition by entity_id, contract_id
            order by economic_date
        ))::bigint as interest_minor
    from rounded

),

repurchases as (

    select distinct on (events.entity_id, events.contract_id)
        events.entity_id,
        events.contract_id,
        events.currency_code,
        events.repurchase_price_minor,
        events.repurchase_until_date
    from events
    where events.repurchase_price_minor is not null and events.repurchase_until_date is not null
    order by
        events.entity_id asc, events.contract_id asc, events.effective_date desc, events.contract_version desc,
        events.event_id asc

),

held as (

    select
        repurchases.entity_id,
        repurchases.contract_id,
        repurchases.currency_code,
        repurchases.repurchase_until_date,
        least(gates.opened_date, repurchases.repurchase_until_date) as end_date,
        min(payments.document_date) as start_date,
        repurchases.repurchase_price_minor - sum(payments.paid_minor) as interest_minor
    from repurchases
    inner join gates
        on
            repurchases.entity_id = gates.entity_id
            and repurchases.contract_id = gates.contract_id
            and gates.gate = 'repurchase'
    inner join payments
        on
            repurchases.entity_id = payments.entity_id
            and repurchases.contract_id = payments.contract_id
            and payments.gate = 'repurchase'
    where payments.paid_minor > 0
    group by
        repurchases.entity_id, repurchases.contract_id, repurchases.currency_code, repurchases.repurchase_until_date,
        repurchases.repurchase_price_minor, gates.opened_date

),

held_days as (

    select
        held.*,
        months.period_end_date as economic_date
    from held
    inner join {{ ref('int_periods__calendar') }} as months
        on
            held.entity_id = months.entity_id
            and months.is_reported
            and held.start_date <= months.period_end_date
            and held.end_date > months.period_end_date
    union all
    select
        held.*,
        held.end_date as economic_date
    from held

),

held_to_date as (

    select
        held_days.entity_id,
        held_days.contract_id,
        held_days.currency_code,
        held_days.economic_date,
        held_days.interest_minor,
        round(
            held_days.interest_minor * least(held_days.economic_date - held_days.start_date, held_days.repurchase_until_date - held_days.start_date)
            / greatest(held_days.repurchase_until_date - held_days.start_date, 1)
            / coalesce(policies.rounding_unit_minor, 1)
        ) * coalesce(policies.rounding_unit_minor, 1) as interest_to_date_minor
    from held_days
    left join {{ ref('int_policies__in_force') }} as policies
        on
            held_days.entity_id = policies.entity_id
            and held_days.economic_date >= policies.effective_from
            and held_days.economic_date < coalesce(policies.effective_until, 'infinity'::date)
    where held_days.interest_minor <> 0

),

repurchased as (

    select
        entity_id,
        contract_id,
        economic_date,
        currency_code,
        case when interest_minor < 0 then 'lease' else 'repurchase' end as side,
        (interest_to_date_minor - lag(interest_to_date_minor, 1, 0::numeric) over (
            partition by entity_id, contract_id
            order by economic_date
        ))::bigint as interest_minor
    from held_to_date

),

everything as (

    select * from compounded
    union all
    select * from repurchased

),

final as (

    select
        everything.entity_id,
        coalesce(arrangements.arrangement_id, everything.contract_id) as arrangement_id,
        everything.contract_id,
        everything.economic_date,
        everything.currency_code,
        everything.side,
        everything.interest_minor
    from everything
    left join arrangements
        on everything.entity_id = arrangements.entity_id and everything.contract_id = arrangements.contract_id
    where everything.interest_minor <> 0

)

select * from final
