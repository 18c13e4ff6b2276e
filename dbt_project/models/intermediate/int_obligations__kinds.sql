-- What kind of promise each obligation is: how it is recognised, as which revenue, by which entity.
-- Lines merged into one obligation follow the good or service that carries most of the price.

{% set line_columns = [
    'currency_code', 'recognition_method', 'revenue_role', 'performing_entity_id', 'is_priced_by_use', 'is_agent',
    'commission_rate', 'progress_measure', 'expected_costs_minor', 'breakage', 'units_purchased', 'expected_units',
    'line_kind', 'proration', 'rounding_unit_minor',
] %}

with

-- Most obligations are one line that is told once, in a contract that stands alone.
single as (

    select
        obligations.entity_id,
        obligations.arrangement_id,
        obligations.package_id,
        obligations.contract_id,
        obligations.obligation_id,
        obligations.obligation_key,
        {% for column in line_columns -%}
        lines.{{ column }},
        {% endfor -%}
        array[lines.line_id] as line_ids,
        lines.is_excluded_from_rpo,
        lines.renewal_costs_minor is not null as has_expected_costs,
        lines.line_no as place
    from {{ ref('int_obligations__lines') }} as obligations
    inner join {{ ref('int_contracts__lines') }} as lines
        on
            obligations.entity_id = lines.entity_id
            and obligations.contract_id = lines.contract_id
            and obligations.line_id = lines.line_id
    where
        lines.line_action in ('stated', 'added')
        and not lines.is_retold
        and lines.is_alone
        and not obligations.is_shared

),

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
    where
        lines.line_action in ('stated', 'added')
        and (lines.is_retold or not lines.is_alone or obligations.is_shared)

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
        bool_or(is_retold or not is_alone) as is_listed_anew,
        array_agg(distinct line_id order by line_id) as line_ids,
        bool_or(is_excluded_from_rpo) as is_excluded_from_rpo,
        bool_or(renewal_costs_minor is not null) as has_expected_costs
    from members
    group by entity_id, obligation_id

),

several as (

    select
        principal.entity_id,
        principal.arrangement_id,
        principal.package_id,
        principal.contract_id,
        principal.obligation_id,
        principal.obligation_key,
        {% for column in line_columns -%}
        principal.{{ column }},
        {% endfor -%}
        places.line_ids,
        places.is_excluded_from_rpo,
        places.has_expected_costs,
        case
            when places.is_listed_anew
                then
                    row_number() over (
                        partition by principal.entity_id, principal.arrangement_id
                        order by places.first_date, principal.contract_id, places.line_no, principal.obligation_key
                    )::integer
            else places.line_no
        end as place
    from principal
    inner join places
        on principal.entity_id = places.entity_id and principal.obligation_id = places.obligation_id

),

everything as (

    select * from single
    union all
    select * from several

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
        everything.entity_id,
        everything.arrangement_id,
        everything.package_id,
        everything.contract_id,
        everything.obligation_id,
        everything.obligation_key,
        everything.currency_code,
        -- Renewals that are expected and cost differently are weighted by their cost (ASC 606-10-55-45).
        case when everything.has_expected_costs then 'expected_cost' else everything.recognition_method end as recognition_method,
        everything.revenue_role,
        everything.performing_entity_id,
        everything.is_priced_by_use and shared_royalties.contract_id is null as is_priced_by_use,
        shared_royalties.contract_id is not null as shares_royalty,
        everything.is_agent,
        everything.commission_rate,
        everything.progress_measure,
        everything.expected_costs_minor,
        everything.breakage,
        everything.units_purchased,
        everything.expected_units,
        everything.line_kind,
        everything.proration,
        everything.rounding_unit_minor,
        everything.line_ids,
        everything.is_excluded_from_rpo,
        -- Listed first: the order in which the contract names them.
        everything.place
    from everything
    left join shared_royalties
        on everything.entity_id = shared_royalties.entity_id and everything.contract_id = shared_royalties.contract_id

)

select * from final
