-- What each version does to the price: the amount to share and over which obligations, amounts that belong
-- to some obligations alone, and credits for what was delivered already.
--
-- price_mode of an obligation: start (first share of the price), repool (what is not yet recognised plus the
-- change is shared afresh), reshare (the change is shared as at the start of the segment), keep, terminate.
-- ASC 606-10-32-28 to 32-45.

with

obligations as not materialized (

    select * from {{ ref('int_obligations__identified') }}

),

changes as not materialized (

    select * from {{ ref('int_contracts__changes') }}

),

events as not materialized (

    select * from {{ ref('stg_canonical__contract_events') }}

),

lines as not materialized (

    select * from {{ ref('int_contracts__line_terms') }}
    where not is_priced_by_use

),

components as not materialized (

    select * from {{ ref('int_prices__components') }}

),

credits as not materialized (

    select * from {{ ref('int_prices__credits') }}

),

members as not materialized (

    select * from {{ ref('int_obligations__lines') }}

),

-- What the lines that a version names cost together.
named_lines as (

    select
        lines.entity_id,
        lines.contract_id,
        lines.version_no,
        sum(lines.price_minor) filter (where lines.line_action = 'added') as added_minor,
        sum(lines.price_minor) filter (where lines.line_action = 'stated') as stated_minor,
        sum(lines.renewals_minor) filter (where lines.line_action = 'added') as added_renewals_minor,
        sum(lines.renewals_minor) filter (where lines.line_action = 'stated') as stated_renewals_minor
    from (
        select
            lines.*,
            case when lines.option_measurement = 'practical_alternative' then {{ expected_renewals('lines') }} end as renewals_minor
        from lines
    ) as lines
    where lines.line_action in ('stated', 'added')
    group by lines.entity_id, lines.contract_id, lines.version_no

),

-- Where a difference changes lines and says no total, the lines say it.
changed_lines as (

    select
        lines.entity_id,
        lines.arrangement_id,
        lines.version_no,
        sum(lines.price_minor - previous.price_minor) as price_minor
    from lines
    inner join lines as previous
        on
            lines.entity_id = previous.entity_id
            and lines.contract_id = previous.contract_id
            and lines.line_id = previous.line_id
            and lines.version_no = previous.until_version_no
    where lines.line_action = 'changed'
    group by lines.entity_id, lines.arrangement_id, lines.version_no

),

-- A restated amendment tells the whole price; the change is the difference to what was in force: to the whole told
-- before it and what differences made of that, in lines or in one sum.
restatements as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.contract_id,
        changes.version_no,
        max(earlier.version_no) as whole_version_no
    from changes
    inner join events on changes.event_id = events.event_id
    inner join changes as earlier
        on
            changes.entity_id = earlier.entity_id
            and changes.contract_id = earlier.contract_id
            and changes.version_no > earlier.version_no
            and earlier.change_kind in ('signing', 'renewal', 'modification')
    inner join events as earlier_events
        on earlier.event_id = earlier_events.event_id and earlier_events.change_basis = 'restated'
    where changes.change_kind = 'modification' and events.change_basis = 'restated'
    group by changes.entity_id, changes.arrangement_id, changes.contract_id, changes.version_no

),

told_since as (

    select
        restatements.entity_id,
        restatements.contract_id,
        restatements.version_no,
        sum(
            coalesce(named_lines.added_minor, 0)
            + case
                when differences.treatment = 'separate_contract' or differences.change_kind <> 'modification' then 0
                else coalesce(events.consideration_change_minor, changed_lines.price_minor, 0)
            end
        ) as price_minor
    from restatements
    inner join changes as differences
        on
            restatements.entity_id = differences.entity_id
            and restatements.contract_id = differences.contract_id
            and restatements.whole_version_no < differences.version_no
            and restatements.version_no > differences.version_no
    inner join events
        on differences.event_id = events.event_id and events.change_basis = 'delta'
    left join named_lines
        on
            differences.entity_id = named_lines.entity_id
            and differences.contract_id = named_lines.contract_id
            and differences.version_no = named_lines.version_no
    left join changed_lines
        on
            differences.entity_id = changed_lines.entity_id
            and differences.arrangement_id = changed_lines.arrangement_id
            and differences.version_no = changed_lines.version_no
    group by restatements.entity_id, restatements.contract_id, restatements.version_no

),

restated as (

    select
        restatements.entity_id,
        restatements.arrangement_id,
        restatements.version_no,
        coalesce(sum(
            case
                when
                    restatements.version_no >= lines.version_no
                    and restatements.version_no < coalesce(lines.until_version_no, 2147483647)
                    then lines.price_minor
                else 0
            end
            - case
                when
                    restatements.whole_version_no >= lines.version_no
                    and restatements.whole_version_no < coalesce(lines.until_version_no, 2147483647)
                    then lines.price_minor
                else 0
            end
        ) filter (where not lines.is_removed), 0)
        - coalesce(max(told_since.price_minor), 0) as price_minor
    from restatements
    inner join lines
        on restatements.entity_id = lines.entity_id and restatements.contract_id = lines.contract_id
    left join told_since
        on
            restatements.entity_id = told_since.entity_id
            and restatements.contract_id = told_since.contract_id
            and restatements.version_no = told_since.version_no
    group by restatements.entity_id, restatements.arrangement_id, restatements.version_no

),

-- Negative lines of an invoice, and credits, that give back the superseded rest of an old term.
renewals as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        changes.effective_date,
        array[changes.contract_id, events.replaces_contract_id] as contract_ids,
        events.replaces_contract_id
    from changes
    inner join events on changes.event_id = events.event_id
    where changes.change_kind = 'renewal'

),

given_back as (

    select
        renewals.entity_id,
        renewals.arrangement_id,
        renewals.version_no,
        credits.amount_minor
    from renewals
    inner join credits
        on renewals.entity_id = credits.entity_id and renewals.replaces_contract_id = credits.contract_id and credits.is_after_end
    union all
    select
        renewals.entity_id,
        renewals.arrangement_id,
        renewals.version_no,
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
    inner join members
        on
            renewals.entity_id = members.entity_id
            and renewals.replaces_contract_id = members.contract_id
            and details.contract_line_id = members.line_id

),

superseded as (

    select
        entity_id,
        arrangement_id,
        version_no,
        sum(amount_minor) as credited_minor
    from given_back
    group by entity_id, arrangement_id, version_no

),

-- What the price of instalments is rounded to.
units as (

    select
        changes.event_id,
        max(obligations.rounding_unit_minor) as rounding_unit_minor
    from changes
    inner join events on changes.event_id = events.event_id
    inner join obligations
        on
            changes.entity_id = obligations.entity_id
            and changes.arrangement_id = obligations.arrangement_id
            and changes.version_no = obligations.version_no
    where events.financing_instalments > 0
    group by changes.event_id

),

-- Lines that an event brings; those of an amendment that is told whole are no news. The price of the whole
-- contract stands instead where it finances the customer.
brought as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        changes.treatment,
        changes.change_kind,
        events.change_basis,
        events.consideration_change_minor,
        events.price_credit_minor,
        events.price_credit_relates_to,
        cardinality(events.discount_obligations) > 0 as has_discount_scope,
        case
            when events.financing_rate is not null and events.cash_selling_price_minor is not null
                then events.cash_selling_price_minor
            when events.financing_rate > 0 and events.financing_instalments > 0 and events.financing_instalment_minor is not null
                then {{ in_units(present_value(
                    'events.financing_instalment_minor', 'events.financing_rate',
                    "(case events.financing_compounding when 'annual' then 12 else 1 end)", 'events.financing_instalments'
                ), 'units.rounding_unit_minor') }}
            else named.lines_minor
        end
        + named.renewals_minor
        - case
            when coalesce(events.payable_is_for_distinct_good, false) or named.lines_minor = 0 then 0
            else coalesce(events.payable_minor, 0)
        end as brought_minor
    from changes
    -- Estimates and credits are no events of the contract.
    left join events on changes.event_id = events.event_id
    left join units on changes.event_id = units.event_id
    left join named_lines
        on
            changes.entity_id = named_lines.entity_id
            and changes.contract_id = named_lines.contract_id
            and changes.version_no = named_lines.version_no
    cross join lateral (
        select
            coalesce(named_lines.added_minor, 0)
            + case when changes.change_kind in ('signing', 'renewal') then coalesce(named_lines.stated_minor, 0) else 0 end as lines_minor,
            coalesce(named_lines.added_renewals_minor, 0)
            + case when changes.change_kind in ('signing', 'renewal') then coalesce(named_lines.stated_renewals_minor, 0) else 0 end
                as renewals_minor
    ) as named

),

told as (

    select
        brought.entity_id,
        brought.arrangement_id,
        brought.version_no,
        sum(
            brought.brought_minor
            + case
                when brought.treatment = 'separate_contract' then 0
                when brought.change_kind = 'modification' and brought.change_basis = 'delta'
                    then
                        coalesce(brought.consideration_change_minor, changed_lines.price_minor, 0)
                        - case when brought.price_credit_relates_to = 'undelivered' then brought.price_credit_minor else 0 end
                else 0
            end
            + case
                when brought.change_kind = 'modification' and brought.change_basis = 'restated' then coalesce(restated.price_minor, 0)
                else 0
            end
            - coalesce(superseded.credited_minor, 0)
        ) as pool_change_minor,
        sum(case when brought.price_credit_relates_to = 'delivered' then -brought.price_credit_minor else 0 end)
            as immediate_minor,
        bool_or(brought.has_discount_scope) as has_discount_scope
    from brought
    left join restated
        on
            brought.entity_id = restated.entity_id
            and brought.arrangement_id = restated.arrangement_id
            and brought.version_no = restated.version_no
    left join changed_lines
        on
            brought.entity_id = changed_lines.entity_id
            and brought.arrangement_id = changed_lines.arrangement_id
            and brought.version_no = changed_lines.version_no
    left join superseded
        on
            brought.entity_id = superseded.entity_id
            and brought.arrangement_id = superseded.arrangement_id
            and brought.version_no = superseded.version_no
    group by brought.entity_id, brought.arrangement_id, brought.version_no

),

-- An estimate that was promised before a prospective change belongs to the obligations as they were then
-- (ASC 606-10-32-45a): each takes its share by its weight of that time.
promised_before as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        components.component_id,
        components.change_minor,
        components.contract_id,
        promises.version_no as promised_version_no
    from changes
    inner join components on changes.event_id = components.event_id
    inner join (
        select
            told_components.entity_id,
            told_components.contract_id,
            told_components.component_id,
            min(told_changes.version_no) as version_no
        from components as told_components
        inner join changes as told_changes on told_components.event_id = told_changes.event_id
        group by told_components.entity_id, told_components.contract_id, told_components.component_id
    ) as promises
        on
            components.entity_id = promises.entity_id
            and components.contract_id = promises.contract_id
            and components.component_id = promises.component_id
    where
        components.allocate_to is null
        and components.is_reestimate
        and components.change_minor <> 0
        and exists (
            select 1
            from obligations
            where
                obligations.entity_id = changes.entity_id
                and obligations.arrangement_id = changes.arrangement_id
                and obligations.version_no = changes.version_no
                and obligations.pool_no = 0
                and obligations.segment_no > promises.version_no
                and obligations.first_version_no <= promises.version_no
        )

),

-- Weights where a segment may be running for several versions. A change that finds everything delivered is one of
-- the price alone: it is shared as at inception (ASC 606-10-32-43).
segment_weights as (

    select
        entity_id,
        obligation_id,
        version_no,
        case when is_nothing_left and not is_over then first_weight else weight end as weight
    from (
        select
            *,
            max(case when version_no = first_version_no then weight end) over (partition by entity_id, obligation_id) as first_weight,
            treatment = 'prospective'
            and sum(case when is_restarted then weight else 0 end) over (partition by entity_id, arrangement_id, version_no) = 0
                as is_nothing_left
        from obligations
        where is_only is not true
    ) as weighed

),

old_shares as (

    {% set old_source %}
    select
        promised_before.entity_id,
        promised_before.arrangement_id,
        promised_before.version_no,
        promised_before.component_id,
        promised_before.change_minor as pool_minor,
        then_promised.obligation_id,
        then_promised.place,
        then_promised.rounding_unit_minor,
        weights.weight as share_weight
    from promised_before
    inner join obligations as then_promised
        on
            promised_before.entity_id = then_promised.entity_id
            and promised_before.arrangement_id = then_promised.arrangement_id
            and promised_before.promised_version_no = then_promised.version_no
            and then_promised.pool_no = 0
            and then_promised.first_version_no <= promised_before.promised_version_no
    inner join segment_weights as weights
        on
            then_promised.entity_id = weights.entity_id
            and then_promised.obligation_id = weights.obligation_id
            and then_promised.segment_no = weights.version_no
    {% endset %}
    {{ share_out(old_source, 'entity_id, arrangement_id, version_no, component_id') }}

),

-- What is satisfied takes its share at once; the rest joins what is shared over what remains.
old_parts as (

    select
        old_shares.entity_id,
        old_shares.arrangement_id,
        old_shares.version_no,
        old_shares.obligation_id,
        sum(case when segment_rows.weight = 0 then old_shares.allocated_minor else 0 end)::bigint as own_minor,
        sum(case when segment_rows.weight = 0 then 0 else old_shares.allocated_minor end)::bigint as pooled_minor
    from old_shares
    inner join obligations as now_rows
        on
            old_shares.entity_id = now_rows.entity_id
            and old_shares.obligation_id = now_rows.obligation_id
            and old_shares.version_no = now_rows.version_no
    inner join segment_weights as segment_rows
        on
            now_rows.entity_id = segment_rows.entity_id
            and now_rows.obligation_id = segment_rows.obligation_id
            and now_rows.segment_no = segment_rows.version_no
    group by old_shares.entity_id, old_shares.arrangement_id, old_shares.version_no, old_shares.obligation_id

),

-- Variable consideration and credits for the whole contract.
shared_changes as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        components.change_minor
    from changes
    inner join components on changes.event_id = components.event_id
    left join promised_before
        on
            changes.entity_id = promised_before.entity_id
            and changes.arrangement_id = promised_before.arrangement_id
            and changes.version_no = promised_before.version_no
            and components.component_id = promised_before.component_id
    where components.allocate_to is null and promised_before.component_id is null
    union all
    select
        entity_id,
        arrangement_id,
        version_no,
        sum(pooled_minor) as change_minor
    from old_parts
    group by entity_id, arrangement_id, version_no
    union all
    select
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        credits.price_change_minor as change_minor
    from changes
    inner join credits on changes.event_id = credits.event_id
    where credits.obligation_key is null and credits.price_change_minor <> 0

),

shared_totals as (

    select
        entity_id,
        arrangement_id,
        version_no,
        sum(change_minor) as change_minor
    from shared_changes
    group by entity_id, arrangement_id, version_no

),

-- Amounts that belong to some obligations only, to be split among them.
own_changes as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        'component:' || components.component_id as source_id,
        components.change_minor,
        components.contract_id,
        components.allocate_to as obligation_keys
    from changes
    inner join components on changes.event_id = components.event_id
    where components.allocate_to is not null and components.change_minor <> 0
    union all
    select
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        'credit:' || credits.event_id || ':' || coalesce(credits.contract_line_id, '') as source_id,
        sum(credits.price_change_minor) as change_minor,
        credits.contract_id,
        array[members.obligation_key] as obligation_keys
    from changes
    inner join credits on changes.event_id = credits.event_id
    inner join members
        on
            credits.entity_id = members.entity_id
            and credits.contract_id = members.contract_id
            and credits.contract_line_id = members.line_id
    where credits.price_change_minor <> 0 and credits.treatment <> 'credit_past'
    group by
        changes.entity_id, changes.arrangement_id, changes.version_no, credits.event_id, credits.contract_line_id,
        credits.contract_id, members.obligation_key

),

-- Credits for service already given reduce the revenue of their obligation at once.
past_credits as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.version_no,
        members.obligation_id,
        sum(credits.price_change_minor) as immediate_minor
    from changes
    inner join credits on changes.event_id = credits.event_id
    inner join members
        on
            credits.entity_id = members.entity_id
            and credits.contract_id = members.contract_id
            and credits.contract_line_id = members.line_id
    where credits.treatment = 'credit_past'
    group by changes.entity_id, changes.arrangement_id, changes.version_no, members.obligation_id

),

-- What is known of a version as a whole.
version_facts as materialized (

    select
        told.entity_id,
        told.arrangement_id,
        told.version_no,
        told.pool_change_minor as told_minor,
        told.immediate_minor as told_immediate_minor,
        told.has_discount_scope,
        coalesce(shared_totals.change_minor, 0) as shared_minor,
        touching.version_no is not null as touches_old,
        coalesce(added.amount_minor, 0) as added_minor,
        residuals.version_no is not null as has_residuals,
        -- One price for all, shared by what each sells for alone.
        coalesce(told.immediate_minor, 0) = 0
        and coalesce(told.has_discount_scope, false) = false
        and residuals.version_no is null
        and own.version_no is null as is_plain
    from told
    left join (
        select distinct
            entity_id,
            arrangement_id,
            version_no
        from own_changes
    ) as own
        on
            told.entity_id = own.entity_id
            and told.arrangement_id = own.arrangement_id
            and told.version_no = own.version_no
    left join shared_totals
        on
            told.entity_id = shared_totals.entity_id
            and told.arrangement_id = shared_totals.arrangement_id
            and told.version_no = shared_totals.version_no
    -- A catch-up falls on what it touches, where that was promised before.
    left join (
        select distinct
            entity_id,
            arrangement_id,
            version_no
        from obligations
        where treatment = 'cumulative_catch_up' and is_touched and version_no > first_version_no
    ) as touching
        on
            told.entity_id = touching.entity_id
            and told.arrangement_id = touching.arrangement_id
            and told.version_no = touching.version_no
    -- What it adds comes at its own price.
    left join (
        select
            entity_id,
            arrangement_id,
            version_no,
            sum(amount_minor) as amount_minor
        from obligations
        where treatment = 'cumulative_catch_up' and version_no = first_version_no
        group by entity_id, arrangement_id, version_no
    ) as added
        on
            told.entity_id = added.entity_id
            and told.arrangement_id = added.arrangement_id
            and told.version_no = added.version_no
    left join (
        select distinct
            entity_id,
            arrangement_id,
            version_no
        from obligations
        where is_residual
    ) as residuals
        on
            told.entity_id = residuals.entity_id
            and told.arrangement_id = residuals.arrangement_id
            and told.version_no = residuals.version_no

),

-- What has to be looked at closely.
considered as not materialized (

    select * from obligations
    where is_only is not true
    union all
    select obligations.*
    from obligations
    inner join version_facts
        on
            obligations.entity_id = version_facts.entity_id
            and obligations.arrangement_id = version_facts.arrangement_id
            and obligations.version_no = version_facts.version_no
    where obligations.is_only and not version_facts.is_plain

),

moded as not materialized (

    select
        obligations.entity_id,
        obligations.arrangement_id,
        obligations.package_id,
        obligations.contract_id,
        obligations.version_no,
        coalesce(obligations.is_only, false) as is_only,
        obligations.obligation_id,
        obligations.obligation_key,
        obligations.place,
        obligations.rounding_unit_minor,
        obligations.first_version_no,
        obligations.is_touched,
        obligations.is_residual,
        obligations.residual_low_minor,
        obligations.residual_high_minor,
        obligations.is_over,
        obligations.amount_minor,
        case
            when obligations.segment_no = obligations.version_no then coalesce(segment_weights.weight, obligations.weight)
            else obligations.weight
        end as weight,
        obligations.set_aside_minor,
        obligations.progress_numerator,
        obligations.progress_denominator,
        -- Counts where the obligation is one of units.
        case when obligations.recognition_method = 'point_in_time' then obligations.unit_price_rounding_minor end
            as unit_price_rounding_minor,
        case
            when obligations.segment_no = obligations.version_no then coalesce(segment_weights.weight, obligations.weight)
            else segment_weights.weight
        end as segment_weight,
        coalesce(version_facts.told_immediate_minor, 0) as told_immediate_minor,
        coalesce(version_facts.has_discount_scope, false) as has_discount_scope,
        coalesce(version_facts.has_residuals, false) as has_residuals,
        coalesce(version_facts.told_minor, 0) + coalesce(version_facts.shared_minor, 0)
        - case when obligations.treatment = 'cumulative_catch_up' then coalesce(version_facts.added_minor, 0) else 0 end
            as pool_change_minor,
        case
            when obligations.version_no < obligations.first_version_no then 'none'
            when obligations.treatment in ('initial', 'separate_contract')
                then case when obligations.version_no = obligations.first_version_no then 'start' else 'keep' end
            when obligations.treatment in ('prospective', 'option', 'credit_ahead')
                then case when obligations.is_restarted then 'repool' else 'keep' end
            when obligations.treatment = 'termination' then case when obligations.is_restarted then 'terminate' else 'keep' end
            when obligations.treatment = 'cumulative_catch_up'
                then
                    case
                        -- New goods at their price; the rest to the obligations the change touches, else to all.
                        when obligations.version_no = obligations.first_version_no then 'add'
                        when coalesce(version_facts.touches_old, false)
                            then case when obligations.is_touched then 'add_share' else 'keep' end
                        when obligations.pool_no = 0 then 'reshare'
                        else 'keep'
                    end
            when obligations.treatment = 'credit_past' then 'keep'
            when obligations.pool_no = 0 then 'reshare'
            else 'keep'
        end as price_mode
    from considered as obligations
    left join version_facts
        on
            obligations.entity_id = version_facts.entity_id
            and obligations.arrangement_id = version_facts.arrangement_id
            and obligations.version_no = version_facts.version_no
    left join segment_weights
        on
            obligations.entity_id = segment_weights.entity_id
            and obligations.obligation_id = segment_weights.obligation_id
            and obligations.segment_no = segment_weights.version_no
            and (obligations.segment_no < obligations.version_no or obligations.treatment = 'prospective')

),

-- Scope of a discount that belongs to some obligations (ASC 606-10-32-37) and the residual approach
-- (32-34c): the weights become the amounts themselves.
scoped as (

    select
        moded.*,
        moded.price_mode = 'start' and moded.has_discount_scope and exists (
            select 1
            from changes
            inner join events on changes.event_id = events.event_id
            where
                changes.entity_id = moded.entity_id
                and changes.arrangement_id = moded.arrangement_id
                and changes.version_no = moded.version_no
                and changes.contract_id = moded.contract_id
                and moded.obligation_key = any(events.discount_obligations)
        ) as is_in_discount
    from moded
    where moded.has_discount_scope or moded.has_residuals

),

totals as (

    select
        *,
        bool_or(is_residual and price_mode = 'start') over in_version as has_residual,
        sum(case when is_in_discount then weight else 0 end) over in_version as discount_weight,
        sum(case when is_in_discount then amount_minor else 0 end) over in_version as discount_amount,
        sum(case when price_mode = 'start' and not is_residual then weight else 0 end) over in_version as observable_weight
    from scoped
    window in_version as (partition by entity_id, arrangement_id, version_no)

),

discounted as (

    select
        *,
        case
            when is_in_discount and discount_weight > 0
                then
                    weight * case
                        when has_residual then discount_amount
                        else discount_weight - (observable_weight - pool_change_minor)
                    end / discount_weight
            else weight
        end as discounted_weight
    from totals

),

residual as (

    select
        *,
        case
            when is_residual and price_mode = 'start'
                then
                    greatest(
                        pool_change_minor - sum(case when price_mode = 'start' and not is_residual then discounted_weight else 0 end)
                            over (partition by entity_id, arrangement_id, version_no),
                        0
                    ) / count(*) filter (where is_residual and price_mode = 'start')
                        over (partition by entity_id, arrangement_id, version_no)
        end as residual_weight
    from discounted

),

-- A residual outside the range that was observed is no standalone price (606-10-32-34c): then the middle of
-- the range stands in and everything is shared alike.
ranged as (

    select
        *,
        bool_or(residual_weight < residual_low_minor or residual_weight > residual_high_minor)
            over (partition by entity_id, arrangement_id, version_no) as is_outside_range
    from residual

),

{% set adjusted_columns = [
    'entity_id', 'arrangement_id', 'package_id', 'contract_id', 'version_no', 'is_only', 'obligation_id',
    'obligation_key', 'place',
    'rounding_unit_minor', 'first_version_no', 'is_touched', 'is_over', 'amount_minor', 'set_aside_minor',
    'progress_numerator', 'progress_denominator', 'unit_price_rounding_minor', 'segment_weight', 'told_immediate_minor',
    'pool_change_minor', 'price_mode',
] %}

adjusted as (

    select
        {{ adjusted_columns | join(',\n        ') }},
        weight as start_weight
    from moded
    where not has_discount_scope and not has_residuals
    union all
    select
        {{ adjusted_columns | join(',\n        ') }},
        case
            when coalesce(is_outside_range, false)
                then
                    case
                        when is_residual and price_mode = 'start' then (residual_low_minor + residual_high_minor) / 2.0
                        else weight
                    end
            else coalesce(residual_weight, discounted_weight)
        end as start_weight
    from ranged

),

-- A credit for delivered goods goes to the first obligation the change touches.
immediate as (

    select distinct on (entity_id, arrangement_id, version_no)
        entity_id,
        version_no,
        obligation_id,
        told_immediate_minor as immediate_minor
    from adjusted
    where told_immediate_minor <> 0
    order by
        entity_id asc, arrangement_id asc, version_no asc, (version_no > first_version_no) desc, is_touched desc, place asc,
        obligation_id asc

),

-- Split of the amounts that belong to some obligations only.
own_shares as (

    select
        entity_id,
        arrangement_id,
        version_no,
        obligation_id,
        sum(allocated_minor)::bigint as delta_minor
    from (
        {% set own_source %}
        select
            adjusted.entity_id,
            adjusted.arrangement_id,
            adjusted.version_no,
            adjusted.obligation_id,
            adjusted.place,
            adjusted.rounding_unit_minor,
            own_changes.source_id,
            own_changes.change_minor as pool_minor,
            case when adjusted.price_mode in ('start', 'repool') then adjusted.start_weight else coalesce(adjusted.segment_weight, 0) end
                as share_weight
        from adjusted
        inner join own_changes
            on
                adjusted.entity_id = own_changes.entity_id
                and adjusted.arrangement_id = own_changes.arrangement_id
                and adjusted.version_no = own_changes.version_no
                and adjusted.contract_id = own_changes.contract_id
                and adjusted.obligation_key = any(own_changes.obligation_keys)
        where adjusted.price_mode <> 'none'
        {% endset %}
        {{ share_out(own_source, 'entity_id, arrangement_id, version_no, source_id') }}
    ) as split
    group by entity_id, arrangement_id, version_no, obligation_id

),

catch_up_shares as (

    select
        entity_id,
        arrangement_id,
        version_no,
        obligation_id,
        allocated_minor as delta_minor
    from (
        {% set catch_up_source %}
        select
            entity_id,
            arrangement_id,
            version_no,
            obligation_id,
            place,
            rounding_unit_minor,
            pool_change_minor as pool_minor,
            coalesce(segment_weight, 0) as share_weight
        from adjusted
        where price_mode = 'add_share'
        {% endset %}
        {{ share_out(catch_up_source, 'entity_id, arrangement_id, version_no') }}
    ) as split

),

claims as (

    select * from {{ ref('int_prices__claims') }}

),

closely as (

    select
        adjusted.entity_id,
        adjusted.arrangement_id,
        adjusted.package_id,
        adjusted.contract_id,
        adjusted.version_no,
        adjusted.is_only and adjusted.price_mode = 'start' as is_only,
        adjusted.obligation_id,
        adjusted.place,
        adjusted.rounding_unit_minor,
        case when adjusted.price_mode in ('add', 'add_share') then 'keep' else adjusted.price_mode end as price_mode,
        adjusted.pool_change_minor::bigint as pool_change_minor,
        case
            when adjusted.price_mode in ('start', 'repool') then adjusted.start_weight
            when adjusted.price_mode = 'reshare' then coalesce(adjusted.segment_weight, 0)
            else 0
        end as share_weight,
        (
            coalesce(own_shares.delta_minor, 0) + coalesce(catch_up_shares.delta_minor, 0)
            + coalesce(old_parts.own_minor, 0)
            + case when adjusted.price_mode = 'add' then adjusted.amount_minor else 0 end
        )::bigint as delta_minor,
        coalesce(immediate.immediate_minor, 0)::bigint + coalesce(past_credits.immediate_minor, 0)::bigint as immediate_minor,
        coalesce(claims.claim_minor, 0) as claim_minor,
        claims.package_price_minor,
        coalesce(claims.is_final, false) as is_claim_final,
        adjusted.is_over,
        adjusted.set_aside_minor,
        adjusted.progress_numerator,
        adjusted.progress_denominator,
        adjusted.unit_price_rounding_minor
    from adjusted
    left join own_shares
        on
            adjusted.entity_id = own_shares.entity_id
            and adjusted.version_no = own_shares.version_no
            and adjusted.obligation_id = own_shares.obligation_id
    left join catch_up_shares
        on
            adjusted.entity_id = catch_up_shares.entity_id
            and adjusted.version_no = catch_up_shares.version_no
            and adjusted.obligation_id = catch_up_shares.obligation_id
    left join immediate
        on
            adjusted.entity_id = immediate.entity_id
            and adjusted.version_no = immediate.version_no
            and adjusted.obligation_id = immediate.obligation_id
    left join old_parts
        on
            adjusted.entity_id = old_parts.entity_id
            and adjusted.arrangement_id = old_parts.arrangement_id
            and adjusted.version_no = old_parts.version_no
            and adjusted.obligation_id = old_parts.obligation_id
    left join past_credits
        on
            adjusted.entity_id = past_credits.entity_id
            and adjusted.arrangement_id = past_credits.arrangement_id
            and adjusted.version_no = past_credits.version_no
            and adjusted.obligation_id = past_credits.obligation_id
    left join claims
        on
            adjusted.entity_id = claims.entity_id
            and adjusted.arrangement_id = claims.arrangement_id
            and adjusted.version_no = claims.version_no

),

-- Most versions are the first and only one and bring one price for all.
plainly as (

    select
        obligations.entity_id,
        obligations.arrangement_id,
        obligations.package_id,
        obligations.contract_id,
        obligations.version_no,
        true as is_only,
        obligations.obligation_id,
        obligations.place,
        obligations.rounding_unit_minor,
        'start' as price_mode,
        (version_facts.told_minor + version_facts.shared_minor)::bigint as pool_change_minor,
        obligations.weight as share_weight,
        0::bigint as delta_minor,
        0::bigint as immediate_minor,
        0::bigint as claim_minor,
        null::bigint as package_price_minor,
        false as is_claim_final,
        obligations.is_over,
        obligations.set_aside_minor,
        obligations.progress_numerator,
        obligations.progress_denominator,
        null::numeric as unit_price_rounding_minor
    from obligations
    inner join version_facts
        on
            obligations.entity_id = version_facts.entity_id
            and obligations.arrangement_id = version_facts.arrangement_id
            and obligations.version_no = version_facts.version_no
    where obligations.is_only and version_facts.is_plain

),

final as (

    select * from plainly
    union all
    select * from closely

)

select * from final
