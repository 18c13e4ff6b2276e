-- Terms of each line from the version that touches it on, with what the version leaves unsaid filled in.
--
-- A restated amendment names all lines: one that it no longer names is gone. A difference names only what
-- it adds, changes or removes. Lines of a contract that never changed are taken as they stand; most are.

{% set line_columns = [
    'line_kind', 'obligation_key', 'performing_entity_id', 'recognition_method', 'revenue_role', 'is_priced_by_use',
    'is_residual', 'ssp_low_minor', 'ssp_high_minor', 'units_purchased', 'expected_units', 'breakage',
    'progress_measure', 'expected_costs_minor', 'option_measurement', 'renewals_expected', 'renewal_price_minor',
    'renewal_periods', 'renewal_probabilities', 'renewal_considerations_minor', 'renewal_costs_minor', 'usage_meter',
    'included_quantity', 'royalty_rate', 'minimum_per_quarter_minor', 'unit_cost_minor', 'is_agent', 'commission_rate',
    'currency_code', 'is_excluded_from_rpo', 'proration', 'rounding_unit_minor',
] %}

with

lines as (

    select * from {{ ref('int_contracts__lines') }}
    where is_retold

),

changes as (

    select * from {{ ref('int_contracts__changes') }}
    where change_kind in ('signing', 'renewal', 'modification', 'option')

),

touched as (

    select
        changes.version_no,
        changes.treatment,
        changes.effective_date as change_date,
        lines.line_action = 'removed' as is_removed,
        lines.*
    from lines
    inner join changes on lines.event_id = changes.event_id

),

restated as (

    select
        changes.entity_id,
        changes.arrangement_id,
        changes.contract_id,
        changes.version_no,
        changes.treatment,
        changes.effective_date,
        changes.event_id
    from changes
    inner join {{ ref('stg_canonical__contract_events') }} as events on changes.event_id = events.event_id
    where changes.change_kind = 'modification' and events.change_basis = 'restated'

),

left_out as (

    select
        restated.entity_id,
        restated.arrangement_id,
        restated.contract_id,
        restated.version_no,
        restated.treatment,
        restated.effective_date,
        earlier.line_id
    from restated
    inner join (
        select
            entity_id,
            contract_id,
            line_id,
            min(version_no) as version_no
        from touched
        group by entity_id, contract_id, line_id
    ) as earlier
        on
            restated.entity_id = earlier.entity_id
            and restated.contract_id = earlier.contract_id
            and restated.version_no > earlier.version_no
    left join lines
        on restated.event_id = lines.event_id and earlier.line_id = lines.line_id
    where lines.line_id is null

),

everything as (

    select
        entity_id,
        arrangement_id,
        contract_id,
        version_no,
        treatment,
        change_date,
        line_id,
        line_action,
        is_removed,
        quantity,
        price_minor,
        ssp_minor,
        unit_price_minor,
        service_start_date,
        service_end_date,
        remaining_ssp_minor
    from touched
    union all
    select
        entity_id,
        arrangement_id,
        contract_id,
        version_no,
        treatment,
        effective_date as change_date,
        line_id,
        'removed' as line_action,
        true as is_removed,
        null::numeric as quantity,
        null::bigint as price_minor,
        null::bigint as ssp_minor,
        null::numeric as unit_price_minor,
        null::date as service_start_date,
        null::date as service_end_date,
        null::bigint as remaining_ssp_minor
    from left_out

),

filled as (

    select
        entity_id,
        arrangement_id,
        contract_id,
        version_no,
        lead(version_no) over to_date as until_version_no,
        treatment,
        change_date,
        line_id,
        line_action,
        is_removed,
        {{ newest_stated('quantity') }} as quantity,
        {{ newest_stated('price_minor') }} as price_minor,
        ssp_minor as stated_ssp_minor,
        {{ newest_stated('ssp_minor') }} as ssp_minor,
        {{ newest_stated('unit_price_minor') }} as unit_price_minor,
        {{ newest_stated('service_start_date') }} as service_start_date,
        {{ newest_stated('service_end_date') }} as service_end_date,
        remaining_ssp_minor,
        -- The row that says what kind of line it is.
        max(version_no) filter (where line_action in ('stated', 'added')) over to_date as terms_version_no
    from everything
    window to_date as (
        partition by entity_id, contract_id, line_id order by version_no
        rows between unbounded preceding and current row
    )

),

changed_lines as (

    select
        filled.entity_id,
        filled.arrangement_id,
        terms.package_id,
        filled.contract_id,
        filled.version_no,
        filled.until_version_no,
        filled.treatment,
        filled.change_date,
        filled.line_id,
        terms.line_no,
        filled.line_action,
        filled.is_removed,
        filled.quantity,
        -- What the quantity was when its standalone price was stated.
        terms.quantity as terms_quantity,
        filled.price_minor,
        filled.stated_ssp_minor,
        filled.ssp_minor,
        filled.unit_price_minor,
        filled.service_start_date,
        filled.service_end_date,
        terms.service_end_date as terms_end_date,
        filled.remaining_ssp_minor,
        filled.terms_version_no,
        terms.{{ line_columns | join(',\n        terms.') }}
    from filled
    inner join touched as terms
        on
            filled.entity_id = terms.entity_id
            and filled.contract_id = terms.contract_id
            and filled.line_id = terms.line_id
            and filled.terms_version_no = terms.version_no

),

unchanged_lines as (

    select
        lines.entity_id,
        lines.arrangement_id,
        lines.package_id,
        lines.contract_id,
        changes.version_no,
        null::integer as until_version_no,
        changes.treatment,
        changes.effective_date as change_date,
        lines.line_id,
        lines.line_no,
        lines.line_action,
        false as is_removed,
        lines.quantity,
        lines.quantity as terms_quantity,
        lines.price_minor,
        lines.ssp_minor as stated_ssp_minor,
        lines.ssp_minor,
        lines.unit_price_minor,
        lines.service_start_date,
        lines.service_end_date,
        lines.service_end_date as terms_end_date,
        lines.remaining_ssp_minor,
        changes.version_no as terms_version_no,
        lines.{{ line_columns | join(',\n        lines.') }}
    from {{ ref('int_contracts__lines') }} as lines
    inner join {{ ref('int_contracts__changes') }} as changes on lines.event_id = changes.event_id
    where lines.line_action in ('stated', 'added') and not lines.is_retold

),

final as (

    select * from unchanged_lines
    union all
    select * from changed_lines

)

select * from final
