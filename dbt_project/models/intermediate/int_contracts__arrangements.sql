-- Contracts that are accounted for together.
--
-- A package is what was negotiated as one (ASC 606-10-25-9): one price, one allocation. An arrangement
-- is a package with the renewals that cut it short; it has one contract position. Both carry the id of
-- their first contract.

with recursive

contracts as (

    select distinct on (entity_id, contract_id)
        entity_id,
        contract_id,
        customer_id,
        currency_code,
        signed_date,
        combined_with,
        case when supersedes_from_date is not null then replaces_contract_id end as superseded_contract_id
    from {{ ref('stg_canonical__contract_events') }}
    where event_type in ('contract.signed', 'contract.renewed')
    order by entity_id asc, contract_id asc, contract_version asc, recorded_at desc, event_id asc

),

named as (

    select
        contracts.entity_id,
        contracts.contract_id,
        others.other_id,
        true as is_package
    from contracts
    cross join lateral unnest(contracts.combined_with) as others (other_id)
    union all
    select
        entity_id,
        contract_id,
        superseded_contract_id as other_id,
        false as is_package
    from contracts
    where superseded_contract_id is not null

),

-- A contract not known yet joins when it arrives.
links as (

    select named.*
    from named
    inner join contracts
        on named.entity_id = contracts.entity_id and named.other_id = contracts.contract_id

),

both_ways as (

    select * from links
    union all
    select
        entity_id,
        other_id as contract_id,
        contract_id as other_id,
        is_package
    from links

),

reached as (

    select distinct
        entity_id,
        contract_id,
        contract_id as member_id,
        is_package
    from both_ways
    union
    select
        reached.entity_id,
        reached.contract_id,
        both_ways.other_id as member_id,
        reached.is_package
    from reached
    inner join both_ways
        on
            reached.entity_id = both_ways.entity_id
            and reached.member_id = both_ways.contract_id
            and (both_ways.is_package or not reached.is_package)

),

-- A package without a renewal is an arrangement too: its links count for both.
all_reached as (

    select
        entity_id,
        contract_id,
        member_id,
        is_package
    from reached
    union
    select
        reached.entity_id,
        reached.contract_id,
        reached.member_id,
        false as is_package
    from reached

),

firsts as (

    select distinct on (all_reached.entity_id, all_reached.contract_id, all_reached.is_package)
        all_reached.entity_id,
        all_reached.contract_id,
        all_reached.is_package,
        all_reached.member_id as first_id
    from all_reached
    inner join contracts
        on all_reached.entity_id = contracts.entity_id and all_reached.member_id = contracts.contract_id
    order by
        all_reached.entity_id, all_reached.contract_id, all_reached.is_package, contracts.signed_date,
        all_reached.member_id

),

final as (

    select
        contracts.entity_id,
        contracts.contract_id,
        coalesce(packages.first_id, contracts.contract_id) as package_id,
        coalesce(arrangements.first_id, contracts.contract_id) as arrangement_id,
        packages.first_id is null and arrangements.first_id is null as is_alone,
        contracts.customer_id,
        contracts.currency_code,
        contracts.signed_date
    from contracts
    left join firsts as packages
        on
            contracts.entity_id = packages.entity_id
            and contracts.contract_id = packages.contract_id
            and packages.is_package
    left join firsts as arrangements
        on
            contracts.entity_id = arrangements.entity_id
            and contracts.contract_id = arrangements.contract_id
            and not arrangements.is_package

)

select * from final
