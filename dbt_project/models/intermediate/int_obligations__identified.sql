-- What each contract version promises at a fixed price: lines that share a key are one obligation.
--
-- weight_minor is the standalone selling price of what remains to be transferred from the version's
-- effective date on (ASC 606-10-32-31); what was transferred before weighs nothing. Usage lines are
-- priced by use and take no share. A termination carries the obligations of the version it ends.

with

segments as (

    select * from {{ ref('int_contracts__segments') }}

),

quarantined as (

    select distinct entity_id, contract_id
    from {{ ref('int_contracts__quarantined') }}

),

lines as (

    select
        segments.entity_id,
        segments.contract_id,
        segments.version_no,
        segments.effective_date,
        lines.line_no,
        lines.line_id,
        lines.obligation_key,
        lines.amount_minor,
        lines.service_start_date,
        lines.service_end_date,
        products.recognition_method,
        products.revenue_role,
        coalesce(
            lines.ssp_minor,
            case prices.ssp_basis
                when 'once' then round(prices.ssp_minor * lines.quantity)::bigint
                when 'year' then
                    {{ round_ratio(
                        'prices.ssp_minor * lines.quantity',
                        'greatest(lines.service_end_date - greatest(lines.service_start_date, segments.effective_date) + 1, 0)',
                        '365'
                    ) }}
            end
        ) as ssp_minor
    from segments
    inner join {{ ref('stg_canonical__contract_lines') }} as lines on segments.event_id = lines.event_id
    inner join {{ ref('ref_products') }} as products
        on segments.entity_id = products.entity_id and lines.product_code = products.product_code
    left join {{ ref('ref_standalone_prices') }} as prices
        on
            segments.entity_id = prices.entity_id
            and lines.product_code = prices.product_code
            and segments.currency_code = prices.currency_code
    left join quarantined
        on segments.entity_id = quarantined.entity_id and segments.contract_id = quarantined.contract_id
    where products.recognition_method <> 'usage' and quarantined.contract_id is null

),

-- A corrected acceptance replaces the one it corrects.
acceptances as (

    select distinct on (entity_id, contract_id, line_id, fulfilment_id)
        entity_id,
        contract_id,
        line_id,
        fulfilled_date
    from {{ ref('stg_canonical__fulfilment_events') }}
    order by
        entity_id asc, contract_id asc, line_id asc, fulfilment_id asc, recorded_at desc, event_id asc

),

transfers as (

    select
        entity_id,
        contract_id,
        line_id,
        min(fulfilled_date) as fulfilled_date
    from acceptances
    group by entity_id, contract_id, line_id

),

obligations as (

    select
        lines.entity_id,
        lines.contract_id,
        lines.version_no,
        lines.effective_date,
        lines.obligation_key,
        min(lines.line_no) as line_order,
        sum(lines.amount_minor)::bigint as amount_minor,
        coalesce(sum(lines.ssp_minor), 0)::bigint as ssp_minor,
        min(lines.service_start_date) as service_start_date,
        max(lines.service_end_date) as service_end_date,
        -- Lines merged into one obligation follow the one that carries most of the price.
        (array_agg(lines.recognition_method order by lines.amount_minor desc, lines.line_no asc))[1]
            as recognition_method,
        (array_agg(lines.revenue_role order by lines.amount_minor desc, lines.line_no asc))[1] as revenue_role,
        -- All of it has passed when the last of its lines has.
        case when count(*) = count(transfers.fulfilled_date) then max(transfers.fulfilled_date) end
            as fulfilled_date
    from lines
    left join transfers
        on
            lines.entity_id = transfers.entity_id
            and lines.contract_id = transfers.contract_id
            and lines.line_id = transfers.line_id
    group by lines.entity_id, lines.contract_id, lines.version_no, lines.effective_date, lines.obligation_key

),

judged as (

    select
        *,
        version_no > 1 and coalesce(
            case when recognition_method = 'point_in_time' then fulfilled_date else service_end_date end
            < effective_date,
            false
        ) as is_satisfied
    from obligations

),

promised as (

    select
        judged.entity_id,
        judged.contract_id,
        judged.version_no,
        judged.obligation_key,
        judged.line_order,
        judged.amount_minor,
        case when judged.is_satisfied then 0 else judged.ssp_minor end as weight_minor,
        judged.recognition_method,
        judged.revenue_role,
        judged.service_start_date,
        judged.service_end_date,
        case
            when judged.is_satisfied then judged.effective_date
            when judged.recognition_method = 'point_in_time'
                then greatest(judged.fulfilled_date, case when judged.fulfilled_date is not null then judged.effective_date end)
            else greatest(judged.service_start_date, judged.effective_date)
        end as window_start_date,
        case
            when judged.is_satisfied then judged.effective_date
            when judged.recognition_method = 'point_in_time'
                then greatest(judged.fulfilled_date, case when judged.fulfilled_date is not null then judged.effective_date end)
            else judged.service_end_date
        end as window_end_date
    from judged

),

ended as (

    select
        segments.entity_id,
        segments.contract_id,
        segments.version_no,
        promised.obligation_key,
        promised.line_order,
        promised.amount_minor,
        -- Replaced by what is left of each obligation when the price is known.
        0::bigint as weight_minor,
        'termination' as recognition_method,
        'termination_revenue' as revenue_role,
        promised.service_start_date,
        promised.service_end_date,
        segments.effective_date as window_start_date,
        segments.effective_date as window_end_date
    from segments
    inner join promised
        on
            segments.entity_id = promised.entity_id
            and segments.contract_id = promised.contract_id
            and segments.version_no = promised.version_no + 1
    where segments.treatment = 'termination'

),

final as (

    select
        *,
        contract_id || ':' || obligation_key as obligation_id
    from promised
    union all
    select
        *,
        contract_id || ':' || obligation_key as obligation_id
    from ended

)

select * from final
