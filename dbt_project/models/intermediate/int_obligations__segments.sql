-- Closed-form segments: what a reader needs to compute revenue through any day.
--
-- Revenue through day u = base_minor + earned(price, clamp(u)); a later version cuts the window and adds
-- a segment. No schedule is stored exploded (docs/architecture.md).

with

allocated as (

    select * from {{ ref('int_prices__allocated') }}

),

contracts as (

    select distinct on (entity_id, contract_id)
        entity_id,
        contract_id,
        currency_code
    from {{ ref('int_contracts__segments') }}
    order by entity_id, contract_id, version_no

),

final as (

    select
        allocated.obligation_id || ':' || allocated.version_no || ':' || allocated.term_no as segment_id,
        allocated.entity_id,
        allocated.contract_id,
        allocated.version_no as contract_version,
        allocated.term_no,
        allocated.obligation_id,
        allocated.obligation_key,
        contracts.currency_code,
        allocated.recognition_method,
        allocated.revenue_role,
        case when allocated.recognition_method = 'termination' then 'termination' else 'fixed' end as component,
        allocated.window_start_date,
        allocated.window_end_date,
        -- First day that belongs to the next version; null while these terms hold to the end.
        allocated.until_date as cut_date,
        allocated.allocated_minor,
        allocated.price_minor,
        (sum(allocated.price_minor) over (
            partition by allocated.entity_id, allocated.obligation_id
            order by allocated.version_no, allocated.term_no
        ) - allocated.price_minor)::bigint as base_minor
    from allocated
    inner join contracts
        on allocated.entity_id = contracts.entity_id and allocated.contract_id = contracts.contract_id

)

select * from final
