-- Share of each expected renewal period in the price, where renewals are part of the contract and weighted by
-- their cost (ASC 606-10-55-45). Grain: obligation x version x period.

with

allocated as (

    select * from {{ ref('int_prices__allocated') }}
    where recognition_method = 'expected_cost'

),

terms as (

    select
        obligations.entity_id,
        obligations.obligation_id,
        max(terms.renewal_periods) as labels,
        max(terms.renewal_probabilities) as probabilities,
        max(terms.renewal_costs_minor) as costs
    from {{ ref('int_obligations__lines') }} as obligations
    inner join {{ ref('int_contracts__line_terms') }} as terms
        on
            obligations.entity_id = terms.entity_id
            and obligations.contract_id = terms.contract_id
            and obligations.line_id = terms.line_id
    where terms.renewal_costs_minor is not null
    group by obligations.entity_id, obligations.obligation_id

),

final as (

    {% set source %}
    select
        allocated.entity_id,
        allocated.package_id,
        allocated.version_no,
        allocated.effective_date,
        allocated.obligation_id,
        periods.label as period_label,
        allocated.rounding_unit_minor,
        allocated.allocated_minor as pool_minor,
        periods.probability * periods.cost as share_weight,
        periods.place
    from allocated
    inner join terms
        on allocated.entity_id = terms.entity_id and allocated.obligation_id = terms.obligation_id
    cross join lateral unnest(terms.labels, terms.probabilities, terms.costs)
        with ordinality as periods (label, probability, cost, place)
    {% endset %}
    select
        split.entity_id,
        split.package_id,
        split.version_no,
        split.effective_date,
        split.obligation_id,
        split.period_label,
        split.place,
        split.allocated_minor as period_minor
    from ({{ share_out(source, 'entity_id, obligation_id, version_no') }}) as split

)

select * from final
