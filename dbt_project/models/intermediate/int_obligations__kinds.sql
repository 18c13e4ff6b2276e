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
        entity_id asc, obligation_id asc, (line_kind = 'good_or_service') desc, price_minor desc,
        effective_date asc, contract_version_no asc, line_no asc

),

places as (

    select
        entity_id,
        obligation_id,
        min(effective_date) as first_date,
        min(line_no) as line_no,
        array_agg(distinct line_id order by line_id) as line_ids,
        bool_or(is_excluded_from_rpo) as is_excluded_from_rpo
    from members
    group by entity_id, obligation_id

),

final as (

    select
        principal.*,
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

)

select * from final
