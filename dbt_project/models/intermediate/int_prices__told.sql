-- Price of each contract as its events tell it, added up without allocation: what the obligations must add up to.
--
-- Newest full statement of the lines, what differences add and change, what is not in the lines (cash price,
-- expected renewals, payables), the newest estimates, credits with an effect on the price. A renewed contract
-- carries the unused rest of its old one, less what was credited. An ended contract is worth what the entity may
-- keep, or what was earned if that is more and nothing goes back; an evergreen one what its terms are worth.

with

segments as (

    select * from {{ ref('int_contracts__segments') }}
    where not is_superseded

),

events as (

    select * from {{ ref('stg_canonical__contract_events') }}

),

lines as (

    select * from {{ ref('int_contracts__lines') }}
    where not is_priced_by_use

),

arrangements as (

    select * from {{ ref('int_contracts__arrangements') }}

),

changes as (

    select * from {{ ref('int_contracts__changes') }}

),

told_events as (

    select
        segments.entity_id,
        segments.contract_id,
        segments.version_no,
        segments.event_type,
        segments.effective_date,
        events.change_basis = 'restated' and segments.event_type <> 'contract.terminated' as is_whole,
        changes.treatment = 'separate_contract' as is_separate,
        coalesce(sum(lines.price_minor) filter (where lines.line_action = 'stated'), 0) as stated_minor,
        coalesce(sum(lines.price_minor) filter (where lines.line_action = 'added'), 0) as added_minor,
        coalesce(
            sum({{ expected_renewals('lines') }}) filter (
                where lines.option_measurement = 'practical_alternative' and lines.line_action in ('stated', 'added')
            ), 0
        ) as renewals_minor,
        case
            when events.financing_rate is not null
                then
                    coalesce(
                        max(events.cash_selling_price_minor),
                        {{ in_units(present_value(
                            'max(events.financing_instalment_minor)', 'events.financing_rate',
                            "(case max(events.financing_compounding) when 'annual' then 12 else 1 end)",
                            'max(events.financing_instalments)'
                        ), 'max(policies.rounding_unit_minor)') }}
                    )
        end as cash_price_minor,
        case when not coalesce(events.payable_is_for_distinct_good, false) then coalesce(max(events.payable_minor), 0) else 0 end
            as payable_minor,
        max(events.consideration_change_minor) as consideration_change_minor,
        coalesce(max(events.price_credit_minor), 0) as price_credit_minor
    from segments
    inner join events on segments.event_id = events.event_id
    left join changes on segments.event_id = changes.event_id
    left join lines on segments.event_id = lines.event_id
    left join {{ ref('int_policies__in_force') }} as policies
        on
            segments.entity_id = policies.entity_id
            and {{ in_force('policies', 'segments.effective_date') }}
    group by
        segments.entity_id, segments.contract_id, segments.version_no, segments.event_type, segments.effective_date,
        events.change_basis, changes.treatment, events.financing_rate, events.payable_is_for_distinct_good

),

-- Where a difference changes lines and says no total, the lines say it.
line_changes as (

    select
        entity_id,
        contract_id,
        contract_version_no as version_no,
        sum(case when line_action = 'changed' then coalesce(price_minor - previous_minor, 0) else 0 end) as change_minor
    from (
        select
            *,
            lag(price_minor) over (
                partition by entity_id, contract_id, line_id order by contract_version_no
            ) as previous_minor
        from lines
        where price_minor is not null
    ) as ordered
    group by entity_id, contract_id, contract_version_no

),

newest_whole as (

    select
        entity_id,
        contract_id,
        max(version_no) as version_no
    from told_events
    where is_whole
    group by entity_id, contract_id

),

told_lines as (

    select
        told_events.entity_id,
        told_events.contract_id,
        sum(
            case when told_events.version_no = newest_whole.version_no then told_events.stated_minor else 0 end
            + case
                when told_events.version_no <= newest_whole.version_no then 0
                else
                    told_events.added_minor
                    + case
                        when told_events.event_type <> 'contract.amended' or told_events.is_separate then 0
                        else coalesce(told_events.consideration_change_minor, line_changes.change_minor, 0)
                    end
            end
            + told_events.renewals_minor
            + coalesce(told_events.cash_price_minor - told_events.stated_minor - told_events.added_minor, 0)
            - case when told_events.stated_minor + told_events.added_minor = 0 then 0 else told_events.payable_minor end
            - case when told_events.is_separate then 0 else told_events.price_credit_minor end
        ) as price_minor
    from told_events
    inner join newest_whole
        on told_events.entity_id = newest_whole.entity_id and told_events.contract_id = newest_whole.contract_id
    left join line_changes
        on
            told_events.entity_id = line_changes.entity_id
            and told_events.contract_id = line_changes.contract_id
            and told_events.version_no = line_changes.version_no
    group by told_events.entity_id, told_events.contract_id

),

estimates as (

    select
        entity_id,
        contract_id,
        sum(priced_minor) as price_minor
    from (
        select distinct on (entity_id, contract_id, component_id)
            entity_id,
            contract_id,
            priced_minor
        from {{ ref('int_prices__components') }}
        order by entity_id asc, contract_id asc, component_id asc, effective_date desc, is_reestimate desc, event_id desc
    ) as newest
    group by entity_id, contract_id

),

-- Credits on what is priced by use lower its revenue, not the price of what was promised.
credits as (

    select
        notes.entity_id,
        notes.contract_id,
        sum(notes.price_change_minor) as price_minor
    from {{ ref('int_prices__credits') }} as notes
    where
        not exists (
            select 1
            from {{ ref('int_contracts__lines') }} as used
            where
                used.entity_id = notes.entity_id
                and used.contract_id = notes.contract_id
                and used.line_id = notes.contract_line_id
                and used.is_priced_by_use
        )
    group by notes.entity_id, notes.contract_id

),

-- What the unused rest of an old contract was credited with when its renewal cut it short.
renewals as (

    select
        entity_id,
        contract_id,
        effective_date,
        array[contract_id, replaces_contract_id] as contract_ids,
        replaces_contract_id
    from segments
    where event_type = 'contract.renewed' and supersedes_from_date is not null

),

returned as (

    select
        renewals.entity_id,
        renewals.contract_id,
        notes.amount_minor
    from renewals
    inner join {{ ref('int_prices__credits') }} as notes
        on renewals.entity_id = notes.entity_id and renewals.replaces_contract_id = notes.contract_id and notes.is_after_end
    union all
    select
        renewals.entity_id,
        renewals.contract_id,
        -details.amount_minor as amount_minor
    from renewals
    cross join lateral unnest(renewals.contract_ids) as billed (contract_id)
    inner join {{ ref('stg_canonical__invoice_events') }} as invoices
        on
            renewals.entity_id = invoices.entity_id
            and billed.contract_id = invoices.contract_id
            and invoices.event_type = 'invoice.posted'
            and renewals.effective_date <= invoices.issued_date
    inner join {{ ref('stg_canonical__invoice_lines') }} as details
        on invoices.event_id = details.event_id and details.amount_minor < 0
    inner join (
        select distinct
            entity_id,
            contract_id,
            line_id
        from lines
    ) as old_lines
        on
            renewals.entity_id = old_lines.entity_id
            and renewals.replaces_contract_id = old_lines.contract_id
            and details.contract_line_id = old_lines.line_id

),

given_back as (

    select
        entity_id,
        contract_id,
        sum(amount_minor) as credited_minor
    from returned
    group by entity_id, contract_id

),

-- Evergreen: every whole term at the price of its version, a cut one as far as it ran.
terms as (

    select
        worth.entity_id,
        worth.contract_id,
        sum(case when worth.is_cut then worth.earned_minor else prices.price_minor end) as price_minor
    from (
        select
            priced.entity_id,
            priced.contract_id,
            priced.version_no,
            priced.term_no,
            bool_or(priced.cut_date is not null) as is_cut,
            sum({{ earned_through('priced.allocated_minor', '(priced.cut_date - 1)', 'priced') }}) as earned_minor
        from {{ ref('int_prices__terms') }} as priced
        group by priced.entity_id, priced.contract_id, priced.version_no, priced.term_no
    ) as worth
    inner join (
        select
            entity_id,
            contract_id,
            contract_version_no as version_no,
            sum(price_minor) as price_minor
        from lines
        group by entity_id, contract_id, contract_version_no
    ) as prices
        on
            worth.entity_id = prices.entity_id
            and worth.contract_id = prices.contract_id
            and worth.version_no = prices.version_no
    group by worth.entity_id, worth.contract_id

),

-- Of an ended contract: what was earned, by the allocation that held until then.
endings as (

    select
        changes.entity_id,
        changes.contract_id,
        greatest(
            max(claims.claim_minor),
            -- What was earned; where money goes back, no more than that is given up.
            case
                when bool_or(claims.is_final) then sum(least(allocated.allocated_minor - allocated.released_minor, 0))
                else sum(allocated.allocated_minor - allocated.released_minor)
            end
            -- A contract of a package: less what the allocation moved to it.
            - coalesce(sum(before.allocated_minor) - max(claims.package_price_minor), 0)
        ) as price_minor
    from changes
    inner join {{ ref('int_prices__claims') }} as claims
        on
            changes.entity_id = claims.entity_id
            and changes.arrangement_id = claims.arrangement_id
            and changes.version_no = claims.version_no
    inner join {{ ref('int_prices__allocated') }} as allocated
        on
            changes.entity_id = allocated.entity_id
            and changes.arrangement_id = allocated.arrangement_id
            and changes.contract_id = allocated.contract_id
            and changes.version_no = allocated.version_no
    left join {{ ref('int_prices__allocated') }} as before
        on
            allocated.entity_id = before.entity_id
            and allocated.obligation_id = before.obligation_id
            and allocated.version_no - 1 = before.version_no
    where changes.change_kind = 'termination'
    group by changes.entity_id, changes.contract_id

),

final as (

    select
        arrangements.entity_id,
        arrangements.arrangement_id,
        arrangements.package_id,
        arrangements.contract_id,
        endings.contract_id is not null as is_ended,
        coalesce(
            terms.price_minor,
            endings.price_minor,
            coalesce(told_lines.price_minor, 0) + coalesce(estimates.price_minor, 0) + coalesce(credits.price_minor, 0)
            - coalesce(given_back.credited_minor, 0)
        )::bigint as price_minor
    from arrangements
    left join terms
        on arrangements.entity_id = terms.entity_id and arrangements.contract_id = terms.contract_id
    left join endings
        on arrangements.entity_id = endings.entity_id and arrangements.contract_id = endings.contract_id
    left join told_lines
        on arrangements.entity_id = told_lines.entity_id and arrangements.contract_id = told_lines.contract_id
    left join estimates
        on arrangements.entity_id = estimates.entity_id and arrangements.contract_id = estimates.contract_id
    left join credits
        on arrangements.entity_id = credits.entity_id and arrangements.contract_id = credits.contract_id
    left join given_back
        on arrangements.entity_id = given_back.entity_id and arrangements.contract_id = given_back.contract_id

)

select * from final
