-- Usage revenue by line and month: entitled units above what the fixed price includes, at the unit price.
--
-- Rounding: chargeable units are summed to date, priced and rounded; a month is the difference of two
-- running totals, so the months add up to the whole (docs/decisions/0002). ASC 606-10-55-18.

with

entitled as (

    select *
    from {{ ref('int_usage__entitled') }}
    where is_entitled and not is_trial

),

priced_lines as (

    select
        segments.entity_id,
        segments.contract_id,
        segments.version_no,
        segments.currency_code,
        segments.effective_date,
        segments.until_date,
        lines.line_id,
        lines.obligation_key,
        lines.usage_meter,
        lines.unit_price_minor,
        lines.included_quantity,
        products.revenue_role
    from {{ ref('int_contracts__segments') }} as segments
    inner join {{ ref('stg_canonical__contract_lines') }} as lines on segments.event_id = lines.event_id
    inner join {{ ref('ref_products') }} as products
        on
            segments.entity_id = products.entity_id
            and lines.product_code = products.product_code
            and products.recognition_method = 'usage'
    where lines.unit_price_minor is not null

),

monthly as (

    select
        entitled.entity_id,
        entitled.contract_id,
        priced_lines.version_no,
        priced_lines.line_id,
        priced_lines.obligation_key,
        priced_lines.currency_code,
        priced_lines.revenue_role,
        priced_lines.unit_price_minor,
        entitled.economic_period,
        sum(entitled.quantity) as quantity,
        greatest(sum(entitled.quantity) - priced_lines.included_quantity, 0) as chargeable_quantity
    from entitled
    inner join priced_lines
        on
            entitled.entity_id = priced_lines.entity_id
            and entitled.contract_id = priced_lines.contract_id
            and entitled.line_id = priced_lines.line_id
            and entitled.meter = priced_lines.usage_meter
            and entitled.usage_date >= priced_lines.effective_date
            and entitled.usage_date < coalesce(priced_lines.until_date, 'infinity'::date)
    group by
        entitled.entity_id, entitled.contract_id, priced_lines.version_no, priced_lines.line_id,
        priced_lines.obligation_key, priced_lines.currency_code, priced_lines.revenue_role,
        priced_lines.unit_price_minor, priced_lines.included_quantity, entitled.economic_period

),

running as (

    select
        *,
        round(
            sum(chargeable_quantity) over (
                partition by entity_id, contract_id, version_no, line_id order by economic_period
            ) * unit_price_minor
        )::bigint as recognized_to_date_minor
    from monthly

),

final as (

    select
        entity_id,
        contract_id,
        version_no as contract_version,
        line_id,
        contract_id || ':' || obligation_key as obligation_id,
        currency_code,
        revenue_role,
        economic_period,
        trim_scale(quantity) as quantity,
        trim_scale(chargeable_quantity) as chargeable_quantity,
        lag(recognized_to_date_minor, 1, 0::bigint) over (
            partition by entity_id, contract_id, version_no, line_id order by economic_period
        ) as recognized_before_minor,
        recognized_to_date_minor
    from running

)

select * from final
