-- Lines of contract events with what policy adds to them: how they are recognised, as which revenue, at
-- which standalone price, in the contract's currency.
--
-- A line's own terms come first, then the product list, then what a product of that name usually is.
-- Standalone price: stated; else a range (by ssp_range_rule the stated price where it lies inside, else the
-- midpoint or the nearest end); else
-- the expected value of an option (ASC 606-10-55-44); else the price list.

with

segments as (

    select * from {{ ref('int_contracts__segments') }}
    where not is_superseded

),

arrangements as (

    select * from {{ ref('int_contracts__arrangements') }}

),

policies as (

    select * from {{ ref('int_policies__in_force') }}

),

spot_rates as (

    select
        entity_id,
        base_currency_code,
        quote_currency_code,
        rate_date,
        rate
    from {{ ref('stg_canonical__fx_rate_events') }}
    union all
    select
        entity_id,
        quote_currency_code as base_currency_code,
        base_currency_code as quote_currency_code,
        rate_date,
        1 / rate as rate
    from {{ ref('stg_canonical__fx_rate_events') }}

),

lines as (

    select
        segments.entity_id,
        segments.contract_id,
        segments.version_no as contract_version_no,
        segments.effective_date,
        segments.event_type,
        segments.is_retold,
        arrangements.arrangement_id,
        arrangements.package_id,
        arrangements.is_alone,
        segments.currency_code,
        coalesce(stated.line_currency_code, segments.currency_code) as priced_currency_code,
        products.recognition_method as product_method,
        products.revenue_role as product_role,
        patterns.recognition_method as pattern_method,
        case prices.ssp_basis
            when 'once' then round(prices.ssp_minor * stated.quantity)::bigint
            when 'year' then
                {{ round_ratio(
                    'prices.ssp_minor * stated.quantity',
                    'greatest(stated.service_end_date - greatest(stated.service_start_date, segments.effective_date) + 1, 0)',
                    '365'
                ) }}
        end as listed_ssp_minor,
        stated.*
    from segments
    inner join arrangements
        on segments.entity_id = arrangements.entity_id and segments.contract_id = arrangements.contract_id
    inner join {{ ref('stg_canonical__contract_lines') }} as stated on segments.event_id = stated.event_id
    left join {{ ref('int_policies__products') }} as products
        on
            segments.entity_id = products.entity_id
            and stated.product_code = products.product_code
            and {{ in_force('products', 'segments.effective_date') }}
    left join {{ ref('int_policies__standalone_prices') }} as prices
        on
            segments.entity_id = prices.entity_id
            and stated.product_code = prices.product_code
            and segments.currency_code = prices.currency_code
            and {{ in_force('prices', 'segments.effective_date') }}
    left join lateral (
        select candidates.recognition_method
        from {{ ref('ref_product_patterns') }} as candidates
        where
            stated.recognition_method is null
            and products.recognition_method is null
            and stated.line_kind = 'good_or_service'
            and stated.product_code ~* candidates.pattern
        order by candidates.pattern_order
        limit 1
    ) as patterns on true

),

rated as (

    select
        lines.*,
        policies.proration,
        policies.rounding_unit_minor,
        policies.ssp_range_rule,
        -- By month or by day is a choice of the entity; what is said to be earned by day always is.
        case
            when
                policies.proration = 'actual_days'
                and coalesce(lines.recognition_method, lines.product_method, lines.pattern_method) = 'ratable_monthly'
                then 'ratable_daily'
            else coalesce(lines.recognition_method, lines.product_method, lines.pattern_method)
        end as method,
        case
            when lines.priced_currency_code = lines.currency_code then 1
            else
                rates.rate
                * power(10::numeric, {{ currency_exponent('lines.currency_code') }} - {{ currency_exponent('lines.priced_currency_code') }})
        end as rate,
        -- What an agent sells is its own service, worth the commission on the price of the good (606-10-55-38).
        case when lines.is_agent then coalesce(lines.commission_rate, 0) else 1 end as kept_share
    from lines
    inner join policies
        on
            lines.entity_id = policies.entity_id
            and lines.effective_date >= policies.effective_from
            and lines.effective_date < coalesce(policies.effective_until, 'infinity'::date)
    left join lateral (
        select spot_rates.rate
        from spot_rates
        where
            lines.priced_currency_code <> lines.currency_code
            and spot_rates.entity_id = lines.entity_id
            and spot_rates.base_currency_code = lines.priced_currency_code
            and spot_rates.quote_currency_code = lines.currency_code
            and spot_rates.rate_date <= lines.effective_date
        order by spot_rates.rate_date desc
        limit 1
    ) as rates on true

),

resolved as (

    select
        entity_id,
        arrangement_id,
        package_id,
        contract_id,
        contract_version_no,
        event_id,
        event_type,
        is_retold,
        is_alone,
        effective_date,
        currency_code,
        line_no,
        line_id,
        line_action,
        line_kind,
        product_code,
        obligation_key,
        combines_with,
        is_capable_of_being_distinct,
        is_separately_identifiable,
        coalesce(performing_entity_id, entity_id) as performing_entity_id,
        quantity,
        unit_price_minor * rate as unit_price_minor,
        round(amount_minor * rate)::bigint as amount_minor,
        round(kept_share * coalesce(
            round(ssp_minor * rate)::bigint,
            case
                when ssp_basis = 'residual' then null
                when ssp_low_minor is not null and ssp_high_minor is not null
                    then
                        case
                            when ssp_range_rule <> 'midpoint' and amount_minor between ssp_low_minor and ssp_high_minor
                                then round(amount_minor * rate)::bigint
                            when ssp_range_rule = 'stated_or_nearest'
                                then round(least(greatest(amount_minor, ssp_low_minor), ssp_high_minor) * rate)::bigint
                            else round((ssp_low_minor + ssp_high_minor) * rate / 2)::bigint
                        end
                when option_target_ssp_minor is not null
                    then
                        round(greatest(
                            option_target_ssp_minor - coalesce(option_exercise_price_minor, 0)
                            - option_target_ssp_minor * coalesce(option_general_discount_rate, 0), 0
                        ) * coalesce(option_exercise_probability, 1) * rate)::bigint
                when option_expected_purchase_minor is not null
                    then
                        round(
                            option_expected_purchase_minor
                            * greatest(option_discount_rate - coalesce(option_general_discount_rate, 0), 0)
                            * coalesce(option_exercise_probability, 1) * rate
                        )::bigint
                else listed_ssp_minor
            end
        ))::bigint as ssp_minor,
        ssp_basis = 'residual' as is_residual,
        round(ssp_low_minor * rate)::bigint as ssp_low_minor,
        round(ssp_high_minor * rate)::bigint as ssp_high_minor,
        round(remaining_amount_minor * rate)::bigint as remaining_amount_minor,
        round(remaining_ssp_minor * rate * kept_share)::bigint as remaining_ssp_minor,
        unit_cost_minor,
        service_start_date,
        service_end_date,
        method as recognition_method,
        recognition_method is null and product_method is null as is_method_presumed,
        coalesce(
            product_role,
            case method
                when 'usage' then 'usage_revenue'
                when 'ratable_daily' then 'subscription_revenue'
                when 'ratable_monthly' then 'subscription_revenue'
                when 'prepaid_drawdown' then 'usage_revenue'
                else 'services_revenue'
            end
        ) as revenue_role,
        is_agent,
        commission_rate,
        usage_meter,
        included_quantity,
        royalty_rate,
        minimum_per_quarter_minor,
        units_purchased,
        expected_units,
        breakage,
        expires_date,
        progress_measure,
        expected_costs_minor,
        option_measurement,
        renewals_expected,
        round(renewal_price_minor * rate)::bigint as renewal_price_minor,
        renewal_periods,
        renewal_probabilities,
        renewal_considerations_minor,
        renewal_costs_minor,
        is_excluded_from_rpo,
        proration,
        rounding_unit_minor,
        -- Known at once that nothing of it is promised at a fixed price.
        line_kind in ('good_or_service', 'fee')
        and (
            coalesce(method, '') = 'usage'
            or (amount_minor = 0 and coalesce(unit_price_minor, 0) <> 0)
        ) as is_priced_by_use
    from rated

),

final as (

    select
        *,
        -- An agent's price is the commission (ASC 606-10-55-38).
        case when is_agent then round(amount_minor * coalesce(commission_rate, 0))::bigint else amount_minor end as price_minor
    from resolved

)

select * from final
