-- Revenue that is priced by use: units above what the fixed price includes, royalties on the customer's
-- sales, goods sold by the piece. To date by line and day; gross_to_date_minor is what is billed for it.
--
-- Rounding: value is summed to date and rounded, so the days add up to the whole (docs/decisions/0002).
-- Right to invoice: ASC 606-10-55-18. Royalties when the later of sale and transfer has happened: 606-10-55-65.
-- A rebate that is expected lowers the price of every piece (606-10-32-5, 32-8).

with

kinds as (

    select * from {{ ref('int_obligations__kinds') }}

),

obligations as (

    select * from {{ ref('int_obligations__lines') }}

),

quarantined as (

    select distinct
        entity_id,
        contract_id
    from {{ ref('int_contracts__quarantined') }}

),

-- Terms of each line, with the days on which they hold.
priced_lines as (

    select
        terms.*,
        kinds.obligation_id,
        kinds.obligation_key as key_of_obligation,
        kinds.revenue_role as role_of_obligation,
        kinds.performing_entity_id as performer_id,
        kinds.rounding_unit_minor as unit_minor,
        kinds.shares_royalty,
        changes.in_force_from,
        lead(changes.in_force_from) over (
            partition by terms.entity_id, terms.contract_id, terms.line_id order by terms.version_no
        ) as in_force_until
    from {{ ref('int_contracts__line_terms') }} as terms
    inner join obligations
        on
            terms.entity_id = obligations.entity_id
            and terms.contract_id = obligations.contract_id
            and terms.line_id = obligations.line_id
    inner join kinds
        on obligations.entity_id = kinds.entity_id and obligations.obligation_id = kinds.obligation_id
    inner join (
        select distinct
            entity_id,
            arrangement_id,
            version_no,
            in_force_from
        from {{ ref('int_contracts__changes') }}
    ) as changes
        on
            terms.entity_id = changes.entity_id
            and terms.arrangement_id = changes.arrangement_id
            and terms.version_no = changes.version_no
    left join quarantined
        on terms.entity_id = quarantined.entity_id and terms.contract_id = quarantined.contract_id
    where terms.is_priced_by_use and quarantined.contract_id is null

),

fulfilments as (

    select distinct on (entity_id, contract_id, line_id, fulfilment_id)
        entity_id,
        contract_id,
        line_id,
        fulfilled_date,
        quantity
    from {{ ref('stg_canonical__fulfilment_events') }}
    order by entity_id asc, contract_id asc, line_id asc, fulfilment_id asc, recorded_at desc, event_id asc

),

transfers as (

    select
        entity_id,
        contract_id,
        line_id,
        min(fulfilled_date) as transferred_date
    from fulfilments
    group by entity_id, contract_id, line_id

),

used as (

    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        lines.version_no,
        lines.unit_price_minor,
        lines.included_quantity,
        lines.royalty_rate,
        lines.shares_royalty,
        entitled.usage_date,
        entitled.economic_period,
        -- A right to use earns nothing before it passed.
        case
            when lines.royalty_rate is null or lines.shares_royalty then entitled.usage_date
            when transfers.transferred_date is not null then greatest(entitled.usage_date, transfers.transferred_date)
            when lines.service_start_date is not null then greatest(entitled.usage_date, lines.service_start_date)
        end as earned_date,
        sum(entitled.quantity) as quantity,
        sum(entitled.customer_sales_minor) as customer_sales_minor
    from {{ ref('int_usage__entitled') }} as entitled
    inner join priced_lines as lines
        on
            entitled.entity_id = lines.entity_id
            and entitled.contract_id = lines.contract_id
            and entitled.line_id = lines.line_id
            and entitled.meter = coalesce(lines.usage_meter, lines.line_id)
            and entitled.usage_date >= lines.in_force_from
            and entitled.usage_date < coalesce(lines.in_force_until, 'infinity'::date)
    left join transfers
        on
            lines.entity_id = transfers.entity_id
            and lines.contract_id = transfers.contract_id
            and lines.line_id = transfers.line_id
    where
        entitled.is_entitled
        and not entitled.is_trial
        and not lines.is_removed
        and (lines.unit_price_minor is not null or lines.royalty_rate is not null)
    group by
        lines.entity_id, lines.contract_id, lines.line_id, lines.version_no, lines.unit_price_minor,
        lines.included_quantity, lines.royalty_rate, lines.shares_royalty, entitled.usage_date, entitled.economic_period,
        lines.service_start_date, transfers.transferred_date

),

-- Units of a month beyond those included, day by day.
charged as (

    select
        *,
        greatest(sum(quantity) over in_month - coalesce(included_quantity, 0), 0) as charged_to_date,
        sum(quantity) over in_month as quantity_to_date
    from used
    window in_month as (
        partition by entity_id, contract_id, line_id, version_no, economic_period order by usage_date
    )

),

usage_values as (

    select
        entity_id,
        contract_id,
        line_id,
        version_no,
        case when royalty_rate is null then 'usage' when shares_royalty then 'shared_royalty' else 'royalty' end as component,
        earned_date as economic_date,
        quantity,
        case
            when royalty_rate is null
                then charged_to_date - lag(charged_to_date, 1, 0::numeric) over (
                    partition by entity_id, contract_id, line_id, version_no, economic_period order by usage_date
                )
            else 0
        end as chargeable_quantity,
        case
            when royalty_rate is null
                then
                    unit_price_minor * (
                        charged_to_date - lag(charged_to_date, 1, 0::numeric) over (
                            partition by entity_id, contract_id, line_id, version_no, economic_period order by usage_date
                        )
                    )
            else customer_sales_minor * royalty_rate
        end as net_value,
        null::numeric as gross_value,
        null::numeric as claim_value
    from charged
    where earned_date is not null

),

-- A guaranteed minimum: what the quarter's royalties lack is earned when the quarter is over.
quarters as (

    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        lines.version_no,
        lines.minimum_per_quarter_minor,
        months.period_end_date as quarter_end_date,
        date_trunc('quarter', months.period_start_date)::date as quarter_start_date
    from priced_lines as lines
    inner join {{ ref('int_periods__calendar') }} as months
        on
            lines.entity_id = months.entity_id
            and lines.service_start_date <= months.period_end_date
            and lines.service_end_date >= months.period_end_date
            and extract(month from months.period_end_date) in (3, 6, 9, 12)
            and months.is_reported
            and lines.in_force_from <= months.period_end_date
            and months.period_end_date < coalesce(lines.in_force_until, 'infinity'::date)
    where lines.minimum_per_quarter_minor is not null and not lines.is_removed

),

minimum_values as (

    select
        quarters.entity_id,
        quarters.contract_id,
        quarters.line_id,
        quarters.version_no,
        'royalty' as component,
        quarters.quarter_end_date as economic_date,
        0::numeric as quantity,
        0::numeric as chargeable_quantity,
        greatest(quarters.minimum_per_quarter_minor - coalesce(sum(usage_values.net_value), 0), 0) as net_value,
        null::numeric as gross_value,
        null::numeric as claim_value
    from quarters
    left join usage_values
        on
            quarters.entity_id = usage_values.entity_id
            and quarters.contract_id = usage_values.contract_id
            and quarters.line_id = usage_values.line_id
            and usage_values.economic_date between quarters.quarter_start_date and quarters.quarter_end_date
    group by
        quarters.entity_id, quarters.contract_id, quarters.line_id, quarters.version_no, quarters.quarter_end_date,
        quarters.minimum_per_quarter_minor

),

-- Goods sold by the piece.
pieces as (

    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        lines.version_no,
        lines.unit_price_minor,
        lines.key_of_obligation,
        fulfilments.fulfilled_date as economic_date,
        sum(coalesce(fulfilments.quantity, lines.quantity, 1)) as quantity
    from fulfilments
    inner join priced_lines as lines
        on
            fulfilments.entity_id = lines.entity_id
            and fulfilments.contract_id = lines.contract_id
            and fulfilments.line_id = lines.line_id
            and fulfilments.fulfilled_date >= lines.in_force_from
            and fulfilments.fulfilled_date < coalesce(lines.in_force_until, 'infinity'::date)
    where coalesce(lines.recognition_method, '') <> 'usage' and not lines.is_removed
    group by
        lines.entity_id, lines.contract_id, lines.line_id, lines.version_no, lines.unit_price_minor,
        lines.key_of_obligation, fulfilments.fulfilled_date

),

rebates as (

    select *
    from {{ ref('int_prices__components') }}
    where component_kind = 'rebate' and is_by_piece

),

-- Every day on which pieces pass or the expected quantity changes.
piece_days as (

    select
        entity_id,
        contract_id,
        line_id,
        economic_date
    from pieces
    union
    select
        pieces.entity_id,
        pieces.contract_id,
        pieces.line_id,
        rebates.effective_date as economic_date
    from pieces
    inner join rebates
        on pieces.entity_id = rebates.entity_id and pieces.contract_id = rebates.contract_id
    where rebates.is_reestimate

),

piece_totals as (

    select
        piece_days.entity_id,
        piece_days.contract_id,
        piece_days.line_id,
        piece_days.economic_date,
        max(pieces.version_no) as version_no,
        coalesce(sum(pieces.quantity), 0) as quantity_to_date,
        coalesce(sum(pieces.quantity * pieces.unit_price_minor), 0) as gross_to_date,
        min(pieces.key_of_obligation) as obligation_key
    from piece_days
    inner join pieces
        on
            piece_days.entity_id = pieces.entity_id
            and piece_days.contract_id = pieces.contract_id
            and piece_days.line_id = pieces.line_id
            and piece_days.economic_date >= pieces.economic_date
    group by piece_days.entity_id, piece_days.contract_id, piece_days.line_id, piece_days.economic_date

),

rebated as (

    select
        piece_totals.*,
        policies.unit_price_rounding_minor,
        estimates.component_id,
        estimates.threshold_quantity,
        estimates.unit_price_after_minor,
        estimates.tier_up_to,
        estimates.tier_unit_prices_minor,
        estimates.expected_quantity
    from piece_totals
    inner join {{ ref('int_policies__in_force') }} as policies
        on
            piece_totals.entity_id = policies.entity_id
            and piece_totals.economic_date >= policies.effective_from
            and piece_totals.economic_date < coalesce(policies.effective_until, 'infinity'::date)
    left join lateral (
        select rebates.*
        from rebates
        where
            rebates.entity_id = piece_totals.entity_id
            and rebates.contract_id = piece_totals.contract_id
            and (rebates.allocate_to is null or piece_totals.obligation_key = any(rebates.allocate_to))
            and rebates.effective_date <= piece_totals.economic_date
        order by rebates.effective_date desc, rebates.is_reestimate desc, rebates.event_id desc
        limit 1
    ) as estimates on true

),

tiered as (

    select
        rebated.*,
        tiers.value_minor as tier_value_minor,
        tiers.passed_minor as tier_passed_minor,
        tiers.for_quantity
    from rebated
    left join lateral (
        select
            sum(
                greatest(least(coalesce(steps.up_to, 'Infinity'::numeric), bounds.for_quantity) - steps.from_quantity, 0)
                * steps.unit_price
            ) as value_minor,
            sum(
                greatest(least(coalesce(steps.up_to, 'Infinity'::numeric), rebated.quantity_to_date) - steps.from_quantity, 0)
                * steps.unit_price
            ) as passed_minor,
            max(bounds.for_quantity) as for_quantity
        from (
            select
                tier.up_to,
                tier.unit_price,
                coalesce(lag(tier.up_to) over (order by tier.place), 0) as from_quantity
            from unnest(rebated.tier_up_to, rebated.tier_unit_prices_minor) with ordinality as tier (up_to, unit_price, place)
        ) as steps
        cross join (
            select greatest(coalesce(rebated.expected_quantity, 0), rebated.quantity_to_date) as for_quantity
        ) as bounds
    ) as tiers on cardinality(rebated.tier_unit_prices_minor) > 0

),

piece_values_to_date as (

    select
        entity_id,
        contract_id,
        line_id,
        version_no,
        economic_date,
        quantity_to_date,
        gross_to_date,
        case
            when tier_value_minor is not null
                then quantity_to_date * {{ rounded_unit_price('tier_value_minor / nullif(for_quantity, 0)', 'unit_price_rounding_minor') }}
            when threshold_quantity is not null and greatest(coalesce(expected_quantity, 0), quantity_to_date) > threshold_quantity
                then quantity_to_date * unit_price_after_minor
            else gross_to_date
        end as net_to_date,
        tier_passed_minor
    from tiered

),

piece_values as (

    select
        entity_id,
        contract_id,
        line_id,
        version_no,
        'piece' as component,
        economic_date,
        quantity_to_date - lag(quantity_to_date, 1, 0::numeric) over by_line as quantity,
        quantity_to_date - lag(quantity_to_date, 1, 0::numeric) over by_line as chargeable_quantity,
        net_to_date - lag(net_to_date, 1, 0::numeric) over by_line as net_value,
        case when tier_passed_minor is not null then net_to_date else gross_to_date end
        - lag(case when tier_passed_minor is not null then net_to_date else gross_to_date end, 1, 0::numeric) over by_line
            as gross_value,
        coalesce(tier_passed_minor, gross_to_date) - lag(coalesce(tier_passed_minor, gross_to_date), 1, 0::numeric) over by_line
            as claim_value
    from piece_values_to_date
    window by_line as (partition by entity_id, contract_id, line_id order by economic_date)

),

-- A credit on what was used gives its price up at once.
credit_values as (

    select
        credits.entity_id,
        credits.contract_id,
        credits.contract_line_id as line_id,
        max(lines.version_no) as version_no,
        case when lines.recognition_method = 'usage' then 'usage' else 'piece' end as component,
        credits.effective_date as economic_date,
        0::numeric as quantity,
        0::numeric as chargeable_quantity,
        max(credits.price_change_minor)::numeric as net_value,
        null::numeric as gross_value,
        null::numeric as claim_value
    from {{ ref('int_prices__credits') }} as credits
    inner join priced_lines as lines
        on
            credits.entity_id = lines.entity_id
            and credits.contract_id = lines.contract_id
            and credits.contract_line_id = lines.line_id
    where
        credits.price_change_minor <> 0
        -- A rebate that falls due was expected already.
        and not exists (
            select 1
            from rebates
            where rebates.entity_id = credits.entity_id and rebates.contract_id = credits.contract_id
        )
    group by
        credits.entity_id, credits.contract_id, credits.contract_line_id, credits.event_id, credits.effective_date,
        lines.recognition_method

),

everything as (

    select * from usage_values
    union all
    select * from minimum_values
    union all
    select * from piece_values
    union all
    select * from credit_values

),

-- While the contract may not recognise, what happens waits for the day on which it may again.
opened as (

    select
        everything.*,
        coalesce(
            (
                select max(coalesce(gates.opened_date, 'infinity'::date))
                from {{ ref('int_contracts__gates') }} as gates
                where
                    gates.entity_id = everything.entity_id
                    and gates.contract_id = everything.contract_id
                    and everything.economic_date >= gates.closed_from_date
                    and everything.economic_date < coalesce(gates.opened_date, 'infinity'::date)
            ),
            everything.economic_date
        ) as recognition_date
    from everything

),

-- What is paid to the customer lowers every sale in proportion to the sales expected (ASC 606-10-32-25).
payables as (

    select
        entity_id,
        contract_id,
        max(payable_minor) as payable_minor,
        max(payable_expected_sales_minor) as payable_expected_sales_minor
    from {{ ref('stg_canonical__contract_events') }}
    where payable_minor is not null and payable_expected_sales_minor > 0 and not coalesce(payable_is_for_distinct_good, false)
    group by entity_id, contract_id

),

daily as (

    select
        opened.entity_id,
        opened.contract_id,
        opened.line_id,
        max(opened.version_no) as version_no,
        opened.component,
        opened.recognition_date,
        sum(opened.quantity) as quantity,
        sum(opened.chargeable_quantity) as chargeable_quantity,
        sum(opened.net_value) as net_value,
        sum(coalesce(opened.gross_value, opened.net_value)) as gross_value,
        sum(coalesce(opened.claim_value, opened.net_value)) as claim_value
    from opened
    where opened.recognition_date < 'infinity'::date
    group by opened.entity_id, opened.contract_id, opened.line_id, opened.component, opened.recognition_date

),

first_terms as (

    select distinct on (entity_id, contract_id, line_id) *
    from priced_lines
    order by entity_id, contract_id, line_id, version_no

),

running as (

    select
        daily.*,
        first_terms.arrangement_id,
        first_terms.package_id,
        first_terms.obligation_id,
        first_terms.key_of_obligation,
        first_terms.performer_id,
        first_terms.role_of_obligation,
        first_terms.currency_code,
        case when first_terms.is_agent then coalesce(first_terms.commission_rate, 0) else 1 end as kept_share,
        first_terms.is_agent,
        coalesce(payables.payable_minor, 0) as payable_minor,
        coalesce(payables.payable_expected_sales_minor, 1) as payable_base_minor,
        {{ round_to_unit(
            'sum(daily.gross_value) over by_day', '1', '1', 'first_terms.unit_minor'
        ) }} as gross_to_date_minor,
        {{ round_to_unit(
            'sum(daily.net_value) over by_day', '1', '1', 'first_terms.unit_minor'
        ) }} as net_to_date_minor,
        {{ round_to_unit(
            'sum(daily.claim_value) over by_day', '1', '1', 'first_terms.unit_minor'
        ) }} as claimed_to_date_minor,
        {{ round_to_unit(
            'sum(daily.net_value) over by_day * case when first_terms.is_agent then coalesce(first_terms.commission_rate, 0) else 1 end',
            'greatest(coalesce(payables.payable_expected_sales_minor, 1) - coalesce(payables.payable_minor, 0), 0)::numeric',
            'coalesce(payables.payable_expected_sales_minor, 1)',
            'first_terms.unit_minor'
        ) }} as recognized_to_date_minor
    from daily
    inner join first_terms
        on
            daily.entity_id = first_terms.entity_id
            and daily.contract_id = first_terms.contract_id
            and daily.line_id = first_terms.line_id
    left join payables
        on daily.entity_id = payables.entity_id and daily.contract_id = payables.contract_id
    window by_day as (
        partition by daily.entity_id, daily.contract_id, daily.line_id, daily.component order by daily.recognition_date
    )

),

-- Each obligation's share of a royalty that belongs to the whole contract, once its own licence has passed.
royalties_to_date as (

    select
        entity_id,
        contract_id,
        line_id,
        version_no,
        recognition_date,
        net_to_date_minor
    from running
    where component = 'shared_royalty'

),

royalty_shares as (

    {% set royalty_source %}
    select
        royalties_to_date.entity_id,
        royalties_to_date.contract_id,
        royalties_to_date.line_id,
        royalties_to_date.version_no,
        royalties_to_date.recognition_date,
        royalties_to_date.net_to_date_minor as pool_minor,
        weights.obligation_id,
        weights.place,
        weights.rounding_unit_minor,
        weights.weight as share_weight
    from royalties_to_date
    inner join {{ ref('int_obligations__identified') }} as weights
        on
            royalties_to_date.entity_id = weights.entity_id
            and royalties_to_date.contract_id = weights.contract_id
            and weights.version_no = weights.first_version_no
    {% endset %}
    {{ share_out(royalty_source, 'entity_id, contract_id, line_id, recognition_date') }}

),

passed as (

    select
        obligations.entity_id,
        obligations.obligation_id,
        min(transfers.transferred_date) as transferred_date
    from obligations
    inner join transfers
        on
            obligations.entity_id = transfers.entity_id
            and obligations.contract_id = transfers.contract_id
            and obligations.line_id = transfers.line_id
    group by obligations.entity_id, obligations.obligation_id

),

passed_shares as (

    select
        royalty_shares.entity_id,
        royalty_shares.contract_id,
        royalty_shares.line_id,
        royalty_shares.obligation_id,
        max(royalty_shares.version_no) as contract_version,
        greatest(royalty_shares.recognition_date, passed.transferred_date) as economic_date,
        max(royalty_shares.allocated_minor) as recognized_to_date_minor
    from royalty_shares
    inner join passed
        on royalty_shares.entity_id = passed.entity_id and royalty_shares.obligation_id = passed.obligation_id
    group by
        royalty_shares.entity_id, royalty_shares.contract_id, royalty_shares.line_id, royalty_shares.obligation_id,
        greatest(royalty_shares.recognition_date, passed.transferred_date)

),

shared_royalties as (

    select
        passed_shares.entity_id,
        kinds.performing_entity_id,
        kinds.arrangement_id,
        kinds.package_id,
        passed_shares.contract_id,
        passed_shares.contract_version,
        passed_shares.line_id,
        passed_shares.obligation_id,
        kinds.obligation_key,
        kinds.currency_code,
        kinds.revenue_role,
        passed_shares.economic_date,
        {{ period_of('passed_shares.entity_id', 'passed_shares.economic_date') }} as economic_period,
        lag(passed_shares.recognized_to_date_minor, 1, 0::bigint) over (
            partition by passed_shares.entity_id, passed_shares.obligation_id, passed_shares.line_id
            order by passed_shares.economic_date
        ) as recognized_before_minor,
        passed_shares.recognized_to_date_minor
    from passed_shares
    inner join kinds
        on passed_shares.entity_id = kinds.entity_id and passed_shares.obligation_id = kinds.obligation_id

),

final as (

    select
        entity_id,
        performer_id as performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        version_no as contract_version,
        line_id,
        obligation_id,
        key_of_obligation as obligation_key,
        component,
        currency_code,
        role_of_obligation as revenue_role,
        recognition_date as economic_date,
        {{ period_of('entity_id', 'recognition_date') }} as economic_period,
        trim_scale(quantity) as quantity,
        trim_scale(chargeable_quantity) as chargeable_quantity,
        is_agent,
        payable_minor > 0 as has_payable,
        gross_to_date_minor,
        net_to_date_minor,
        claimed_to_date_minor,
        lag(recognized_to_date_minor, 1, 0::bigint) over (
            partition by entity_id, contract_id, line_id, component order by recognition_date
        ) as recognized_before_minor,
        recognized_to_date_minor
    from running
    -- Shared among the obligations of the contract in int_usage__shared_royalties.
    where component <> 'shared_royalty'
    union all
    select
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        contract_version,
        line_id,
        obligation_id,
        obligation_key,
        'royalty' as component,
        currency_code,
        revenue_role,
        economic_date,
        economic_period,
        0::numeric as quantity,
        0::numeric as chargeable_quantity,
        false as is_agent,
        false as has_payable,
        recognized_to_date_minor as gross_to_date_minor,
        recognized_to_date_minor as net_to_date_minor,
        recognized_to_date_minor as claimed_to_date_minor,
        recognized_before_minor,
        recognized_to_date_minor
    from shared_royalties

)

select * from final
