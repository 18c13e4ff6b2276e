-- What kind of promise each obligation is: how it is recognised, as which revenue, by which entity.
-- Lines merged into one obligation follow the good or service that carries most of the price.

with

members as (

    select
        obligations.obligation_id,
        obligations.obligation_key as merged_key,
        lines.*
    from {{ ref('int_obligations__lines') }} as obligations
    inner join {{ ref('int_contracts__lines') }} as lines
        on
            obligations.entity_id = lines.entity_id
            and obligations.contract_id = lines.contract_id
            and obligations.line_id = lines.line_id
            and lines.line_action in ('stated', 'added')

),

principal as (

    select distinct on (entity_id, obligation_id)
        entity_id,
        arrangement_id,
        package_id,
        contract_id,
        obligation_id,
        merged_key as obligation_key,
        currency_code,
        recognition_method,
        revenue_role,
        performing_entity_id,
        is_priced_by_use,
        is_agent,
        commission_rate,
        progress_measure,
        expected_costs_minor,
        breakage,
        units_purchased,
        expected_units,
        line_kind,
        proration,
        rounding_unit_minor
    from members
    order by
        entity_id asc, obligation_id asc, (line_kind = 'good_or_service') desc,
        -- Merged lines of which one serves over time are served over time.
        (is_method_presumed and recognition_method <> 'point_in_time') desc,
        price_minor desc,
        effective_date asc, contract_version_no asc, line_no asc

),

places as (

    select
        entity_id,
        obligation_id,
        min(effective_date) as first_date,
        min(line_no) as line_no,
        array_agg(distinct line_id order by line_id) as line_ids,
        bool_or(is_excluded_from_rpo) as is_excluded_from_rpo,
        bool_or(renewal_costs_minor is not null) as has_expected_costs
    from members
    group by entity_id, obligation_id

),

-- A royalty that belongs to the whole contract is shared like its fixed price, so what earns it takes a share
-- of that price too (ASC 606-10-55-273 to 55-274).
shared_royalties as (

    select distinct
        entity_id,
        contract_id
    from {{ ref('int_prices__components') }}
    where component_kind = 'royalty' and allocate_to is null

),

final as (

    select
        principal.entity_id,
        principal.arrangement_id,
        principal.package_id,
        principal.contract_id,
        principal.obligation_id,
        principal.obligation_key,
        principal.currency_code,
        -- Renewals that are expected and cost differently are weighted by their cost (ASC 606-10-55-45).
        case when places.has_expected_costs then 'expected_cost' else principal.recognition_method end as recognition_method,
        principal.revenue_role,
        principal.performing_entity_id,
        principal.is_priced_by_use and shared_royalties.contract_id is null as is_priced_by_use,
        shared_royalties.contract_id is not null as shares_royalty,
        principal.is_agent,
        principal.commission_rate,
        principal.progress_measure,
        principal.expected_costs_minor,
        principal.breakage,
        principal.units_purchased,
        principal.expected_units,
        principal.line_kind,
        principal.proration,
        principal.rounding_unit_minor,
        places.line_ids,
        places.is_excluded_from_rpo,
        -- Listed first: the order in which the contract names them.
        row_number() over (
            partition by principal.entity_id, principal.arrangement_id
            order by places.first_date, principal.contract_id, places.line_no, principal.obligation_key
        )::integer as place
    from principal
    inner join places
        on principal.entity_id = places.entity_id and principal.obligation_id = places.obligation_id
    left join shared_royalties
        on principal.entity_id = shared_royalties.entity_id and principal.contract_id = shared_royalties.contract_id

)

select * from final
