-- What credit notes and lost disputes do to the price of a contract.
--
-- A credit first corrects billing: what was billed above the price, and what a change of the contract
-- already took off the price, is given back without touching it. Only what goes beyond is a price
-- concession (ASC 606-10-32-43: allocated as at inception, caught up). A credit that names its days changes
-- the price of those days only; of one that names none, policy may say that it is for what is left. After a
-- contract is over credits settle the rest of its term (is_after_end, see int_prices__changes). Credits whose
-- cause leaves the price alone are not here.

with

arrangements as (

    select * from {{ ref('int_contracts__arrangements') }}

),

segments as (

    select * from {{ ref('int_contracts__segments') }}

),

policies as (

    select * from {{ ref('int_policies__in_force') }}

),

lines as (

    select * from {{ ref('int_contracts__lines') }}

),

first_lines as (

    select distinct on (entity_id, contract_id, line_id)
        entity_id,
        contract_id,
        line_id,
        obligation_key,
        is_priced_by_use
    from lines
    where line_action in ('stated', 'added')
    order by entity_id asc, contract_id asc, line_id asc, effective_date asc, event_id asc

),

voided_credits as (

    select distinct
        entity_id,
        credit_id
    from {{ ref('stg_canonical__credit_events') }}
    where event_type = 'credit.voided'

),

voided_invoices as (

    select distinct
        entity_id,
        invoice_id
    from {{ ref('stg_canonical__invoice_events') }}
    where event_type = 'invoice.voided'

),

superseded as (

    select
        entity_id,
        contract_id,
        min(effective_date) as effective_date
    from segments
    where is_superseded
    group by entity_id, contract_id

),

notes as (

    select
        credits.entity_id,
        credits.contract_id,
        credits.event_id,
        credits.credit_id,
        credits.issued_date as effective_date,
        details.contract_line_id,
        details.period_start_date,
        details.period_end_date,
        coalesce(details.amount_minor, credits.amount_minor) as amount_minor,
        policies.credit_reach
    from {{ ref('stg_canonical__credit_events') }} as credits
    left join {{ ref('stg_canonical__credit_lines') }} as details on credits.event_id = details.event_id
    left join voided_credits
        on credits.entity_id = voided_credits.entity_id and credits.credit_id = voided_credits.credit_id
    left join {{ ref('int_policies__credit_causes') }} as causes
        on
            credits.entity_id = causes.entity_id
            and credits.cause = causes.cause
            and {{ in_force('causes', 'credits.issued_date') }}
    left join superseded
        on
            credits.entity_id = superseded.entity_id
            and credits.contract_id = superseded.contract_id
            and credits.issued_date >= superseded.effective_date
    inner join policies
        on
            credits.entity_id = policies.entity_id
            and credits.issued_date >= policies.effective_from
            and credits.issued_date < coalesce(policies.effective_until, 'infinity'::date)
    where
        credits.event_type = 'credit.issued'
        and voided_credits.credit_id is null
        and (
            case when credits.cause is null then policies.credit_without_cause else causes.treatment end = 'price'
            -- A renewal takes over the rest of the term it cuts short: what of it is given back leaves the price.
            or (causes.treatment = 'contract_liability' and superseded.contract_id is not null)
        )

),

invoices as (

    select
        invoices.entity_id,
        invoices.invoice_id,
        invoices.contract_id,
        invoices.issued_date,
        details.contract_line_id,
        details.amount_minor,
        details.tax_minor,
        voided_invoices.invoice_id is not null as is_voided
    from {{ ref('stg_canonical__invoice_events') }} as invoices
    inner join {{ ref('stg_canonical__invoice_lines') }} as details on invoices.event_id = details.event_id
    left join voided_invoices
        on invoices.entity_id = voided_invoices.entity_id and invoices.invoice_id = voided_invoices.invoice_id
    where invoices.event_type = 'invoice.posted'

),

-- A lost dispute gives up the part of the payment that was not tax.
disputes as (

    select
        lost.entity_id,
        coalesce(payments.contract_id, totals.contract_id) as contract_id,
        lost.event_id,
        lost.payment_id as credit_id,
        lost.paid_date as effective_date,
        null::text as contract_line_id,
        null::date as period_start_date,
        null::date as period_end_date,
        round(
            opened.amount_minor
            * case when totals.invoice_id is null then 1 else totals.net_minor::numeric / nullif(totals.gross_minor, 0) end
        )::bigint as amount_minor,
        policies.credit_reach
    from {{ ref('stg_canonical__payment_events') }} as lost
    inner join {{ ref('stg_canonical__payment_events') }} as opened
        on
            lost.entity_id = opened.entity_id
            and lost.related_id = opened.payment_id
            and opened.event_type = 'dispute.opened'
    inner join policies
        on
            lost.entity_id = policies.entity_id
            and {{ in_force('policies', 'lost.paid_date') }}
            and policies.dispute_lost = 'price_concession'
    left join {{ ref('stg_canonical__payment_events') }} as payments
        on
            opened.entity_id = payments.entity_id
            and opened.related_id = payments.payment_id
            and payments.event_type = 'payment.settled'
    left join (
        select
            entity_id,
            invoice_id,
            min(contract_id) as contract_id,
            sum(amount_minor) as net_minor,
            sum(amount_minor + tax_minor) as gross_minor
        from invoices
        group by entity_id, invoice_id
    ) as totals
        on payments.entity_id = totals.entity_id and payments.invoice_id = totals.invoice_id
    where lost.event_type = 'dispute.lost'

),

-- The newest statement of all lines; differences count on top of it.
restatements as (

    select
        entity_id,
        contract_id,
        max(contract_version_no) as contract_version_no
    from lines
    where line_action = 'stated'
    group by entity_id, contract_id

),

-- What makes up the price of each arrangement before any credit.
price_parts as (

    select
        lines.entity_id,
        lines.arrangement_id,
        lines.effective_date,
        lines.price_minor
    from lines
    inner join restatements
        on lines.entity_id = restatements.entity_id and lines.contract_id = restatements.contract_id
    where
        (lines.line_action = 'added' or lines.contract_version_no = restatements.contract_version_no)
        and not lines.is_priced_by_use
    union all
    select
        arrangements.entity_id,
        arrangements.arrangement_id,
        least(events.effective_date, events.signed_date) as effective_date,
        coalesce(events.consideration_change_minor, 0) - coalesce(events.price_credit_minor, 0) as price_minor
    from {{ ref('stg_canonical__contract_events') }} as events
    inner join arrangements
        on events.entity_id = arrangements.entity_id and events.contract_id = arrangements.contract_id
    where events.change_basis = 'delta'

),

billed as (

    select
        invoices.entity_id,
        arrangements.arrangement_id,
        sum(invoices.amount_minor)::bigint as billed_minor
    from invoices
    inner join arrangements
        on invoices.entity_id = arrangements.entity_id and invoices.contract_id = arrangements.contract_id
    left join first_lines
        on
            invoices.entity_id = first_lines.entity_id
            and invoices.contract_id = first_lines.contract_id
            and invoices.contract_line_id = first_lines.line_id
    where not invoices.is_voided and not coalesce(first_lines.is_priced_by_use, false)
    group by invoices.entity_id, arrangements.arrangement_id

),

-- Reductions of the price without any credit: agreed by a change of the contract, from the day on which they are
-- known; or expected (goods that come back, rebates, concessions, penalties), as they stand on a day.
reductions as (

    select
        arrangements.entity_id,
        arrangements.arrangement_id,
        least(events.effective_date, events.signed_date) as effective_date,
        greatest(-coalesce(events.consideration_change_minor, 0), 0) + coalesce(events.price_credit_minor, 0) as agreed_minor,
        0::bigint as expected_minor
    from {{ ref('stg_canonical__contract_events') }} as events
    inner join arrangements
        on events.entity_id = arrangements.entity_id and events.contract_id = arrangements.contract_id
    where events.change_basis = 'delta'
    union all
    select
        arrangements.entity_id,
        arrangements.arrangement_id,
        components.effective_date,
        0::bigint as agreed_minor,
        -components.change_minor as expected_minor
    from {{ ref('int_prices__components') }} as components
    inner join arrangements
        on components.entity_id = arrangements.entity_id and components.contract_id = arrangements.contract_id
    where components.component_kind in ('returns', 'rebate', 'price_concession', 'penalty')

),

-- Contracts that are over: terminated, or cut short by the renewal that took their place.
ends as (

    select
        entity_id,
        contract_id,
        min(effective_date) as effective_date
    from segments
    where treatment = 'termination'
    group by entity_id, contract_id

),

candidates as (

    select
        notes.*,
        'credit' as credit_kind
    from notes
    union all
    select
        disputes.*,
        'dispute' as credit_kind
    from disputes

),

days as (

    select distinct
        candidates.entity_id,
        arrangements.arrangement_id,
        candidates.effective_date
    from candidates
    inner join arrangements
        on candidates.entity_id = arrangements.entity_id and candidates.contract_id = arrangements.contract_id

),

-- The price as it stands on the day of a credit: what is added later may be billed already, what a later
-- change takes off was not known.
prices as (

    select
        days.entity_id,
        days.arrangement_id,
        days.effective_date,
        sum(price_parts.price_minor) as price_minor
    from days
    inner join price_parts
        on
            days.entity_id = price_parts.entity_id
            and days.arrangement_id = price_parts.arrangement_id
            and (price_parts.price_minor > 0 or days.effective_date >= price_parts.effective_date)
    group by days.entity_id, days.arrangement_id, days.effective_date

),

reduced as (

    select
        days.entity_id,
        days.arrangement_id,
        days.effective_date,
        sum(reductions.agreed_minor) as agreed_minor,
        sum(reductions.expected_minor) as expected_minor
    from days
    inner join reductions
        on
            days.entity_id = reductions.entity_id
            and days.arrangement_id = reductions.arrangement_id
            and days.effective_date >= reductions.effective_date
    group by days.entity_id, days.arrangement_id, days.effective_date

),

placed as (

    select
        candidates.*,
        arrangements.arrangement_id,
        arrangements.package_id,
        first_lines.obligation_key,
        ends.effective_date is not null as is_after_end,
        (
            greatest(coalesce(billed.billed_minor, 0) - coalesce(prices.price_minor, 0), coalesce(reduced.agreed_minor, 0), 0)
            + greatest(coalesce(reduced.expected_minor, 0), 0)
        )::bigint as correction_minor
    from candidates
    inner join arrangements
        on candidates.entity_id = arrangements.entity_id and candidates.contract_id = arrangements.contract_id
    left join first_lines
        on
            candidates.entity_id = first_lines.entity_id
            and candidates.contract_id = first_lines.contract_id
            and candidates.contract_line_id = first_lines.line_id
    left join ends
        on
            candidates.entity_id = ends.entity_id
            and candidates.contract_id = ends.contract_id
            and candidates.effective_date >= ends.effective_date
            and candidates.credit_kind = 'credit'
    left join billed
        on arrangements.entity_id = billed.entity_id and arrangements.arrangement_id = billed.arrangement_id
    left join prices
        on
            arrangements.entity_id = prices.entity_id
            and arrangements.arrangement_id = prices.arrangement_id
            and candidates.effective_date = prices.effective_date
    left join reduced
        on
            arrangements.entity_id = reduced.entity_id
            and arrangements.arrangement_id = reduced.arrangement_id
            and candidates.effective_date = reduced.effective_date

),

-- Corrections are used up in the order of the credits: running minimum instead of a loop.
running as (

    select
        *,
        case when credit_kind = 'dispute' or is_after_end then 0 else amount_minor end as counted_minor,
        sum(case when credit_kind = 'dispute' or is_after_end then 0 else amount_minor end) over in_order as counted_to_date_minor,
        -- What once was to be given back and was, stays given back when less is expected.
        max(correction_minor) over in_order as correctable_minor
    from placed
    window in_order as (
        partition by entity_id, arrangement_id
        order by effective_date, event_id, contract_line_id
        rows between unbounded preceding and current row
    )

),

settled as (

    select
        *,
        counted_to_date_minor + least(
            0,
            min(correctable_minor - counted_to_date_minor) over (
                partition by entity_id, arrangement_id
                order by effective_date, event_id, contract_line_id
                rows between unbounded preceding and current row
            )
        ) as settled_to_date_minor
    from running

),

priced as (

    select
        *,
        case
            when is_after_end then 0::bigint
            else
                -(amount_minor - case
                    when credit_kind = 'dispute' then 0
                    else settled_to_date_minor - lag(settled_to_date_minor, 1, 0::numeric) over (
                        partition by entity_id, arrangement_id
                        order by effective_date, event_id, contract_line_id
                    )
                end)::bigint
        end as full_change_minor
    from settled

),

-- A credit that names its days: those before it reduce revenue at once, those from it on the price of what
-- is left.
split as (

    select
        *,
        case
            when period_start_date is null or period_end_date is null
                then case when credit_reach = 'future' and credit_kind = 'credit' then 0::bigint end
            else
                round(
                    full_change_minor::numeric
                    * greatest(least(period_end_date, effective_date - 1) - period_start_date + 1, 0)
                    / greatest(period_end_date - period_start_date + 1, 1)
                )::bigint
        end as past_change_minor
    from priced

),

parts as (

    select
        *,
        case when past_change_minor is null then event_id else event_id || ':past' end as change_event_id,
        effective_date as change_date,
        coalesce(past_change_minor, full_change_minor) as price_change_minor,
        case when past_change_minor is null then 'credit' else 'credit_past' end as treatment
    from split
    where past_change_minor is distinct from 0 or full_change_minor = 0
    union all
    select
        *,
        event_id || ':ahead:' || greatest(effective_date, period_start_date) as change_event_id,
        greatest(effective_date, period_start_date) as change_date,
        full_change_minor - past_change_minor as price_change_minor,
        'credit_ahead' as treatment
    from split
    where past_change_minor <> full_change_minor

),

final as (

    select
        entity_id,
        arrangement_id,
        package_id,
        contract_id,
        change_event_id as event_id,
        credit_id,
        credit_kind,
        change_date as effective_date,
        contract_line_id,
        obligation_key,
        is_after_end,
        case when treatment = 'credit_ahead' and past_change_minor <> 0 then 0 else amount_minor end as amount_minor,
        price_change_minor,
        treatment
    from parts

)

select * from final
