-- What sales priced by use are expected to bring, by obligation and version. It belongs to the allocation
-- shown (ASC 606-10-32-40), never to revenue before the sales occur (606-10-55-65).

with

versions as (

    select
        entity_id,
        arrangement_id,
        package_id,
        contract_id,
        version_no,
        min(effective_date) as effective_date,
        min(in_force_from) as in_force_from
    from {{ ref('int_contracts__changes') }}
    group by entity_id, arrangement_id, package_id, contract_id, version_no

),

kinds as (

    select * from {{ ref('int_obligations__kinds') }}
    where is_priced_by_use

),

components as (

    select * from {{ ref('int_prices__components') }}
    where component_kind in ('royalty', 'usage') and allocate_to is not null and estimate_minor <> 0

),

final as (

    select
        versions.entity_id,
        versions.package_id,
        kinds.contract_id,
        versions.version_no,
        versions.effective_date,
        kinds.obligation_id,
        kinds.obligation_key,
        sum(components.estimate_minor)::bigint as expected_minor
    from versions
    inner join components
        on
            versions.entity_id = components.entity_id
            and versions.contract_id = components.contract_id
            and versions.in_force_from >= components.effective_date
            and versions.in_force_from < coalesce(components.until_date, 'infinity'::date)
    -- An estimate names one obligation; the first takes what is said of several together.
    inner join kinds
        on
            components.entity_id = kinds.entity_id
            and components.contract_id = kinds.contract_id
            and components.allocate_to[1] = kinds.obligation_key
    group by
        versions.entity_id, versions.package_id, kinds.contract_id, versions.version_no, versions.effective_date,
        kinds.obligation_id, kinds.obligation_key

)

select * from final
