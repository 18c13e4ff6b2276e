-- Which lines form one performance obligation (ASC 606-10-25-19 to 25-22).
--
-- Lines that share an obligation key are one. A line that is not distinct merges with the lines it says;
-- where it says none, with the first good or service of its contract. A fee that transfers nothing and
-- names nothing it belongs to is part of the price alone (606-10-55-51), like a discount. The obligation takes
-- the key of its first line, a stated key before a line's own.

with recursive

promised as (

    select
        entity_id,
        arrangement_id,
        package_id,
        contract_id,
        line_id,
        line_kind,
        obligation_key,
        combines_with,
        event_id,
        effective_date,
        contract_version_no,
        line_no,
        is_retold,
        coalesce(is_capable_of_being_distinct, true) and coalesce(is_separately_identifiable, true) as is_distinct,
        obligation_key <> line_id as has_stated_key
    from {{ ref('int_contracts__lines') }}
    where
        line_action in ('stated', 'added')
        and line_kind <> 'discount'
        and not (
            line_kind = 'fee'
            and obligation_key = line_id
            and combines_with is null
            and coalesce(is_capable_of_being_distinct, false) = false
            and is_separately_identifiable is null
        )

),

-- A line that is told again was promised when it was told first.
lines as not materialized (

    select * from promised
    where not is_retold
    union all
    (
        select distinct on (entity_id, contract_id, line_id) *
        from promised
        where is_retold
        order by entity_id asc, contract_id asc, line_id asc, effective_date asc, contract_version_no asc
    )

),

-- Only lines of these contracts can merge.
joining as (

    select distinct
        entity_id,
        contract_id
    from promised
    where has_stated_key or combines_with is not null or not is_distinct

),

candidates as (

    select lines.*
    from lines
    inner join joining on lines.entity_id = joining.entity_id and lines.contract_id = joining.contract_id

),

first_goods as (

    select distinct on (entity_id, contract_id)
        entity_id,
        contract_id,
        line_id
    from candidates
    where line_kind = 'good_or_service'
    order by entity_id asc, contract_id asc, is_distinct desc, effective_date asc, line_no asc

),

joins as (

    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        others.line_id as other_id
    from candidates as lines
    inner join candidates as others
        on
            lines.entity_id = others.entity_id
            and lines.contract_id = others.contract_id
            and others.line_id = any(lines.combines_with)
    union all
    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        first_goods.line_id as other_id
    from candidates as lines
    inner join first_goods
        on lines.entity_id = first_goods.entity_id and lines.contract_id = first_goods.contract_id
    where
        lines.combines_with is null
        and not lines.has_stated_key
        and lines.line_id <> first_goods.line_id
        and not lines.is_distinct

),

merging_contracts as (

    select distinct
        entity_id,
        contract_id
    from joins

),

both_ways as (

    select
        entity_id,
        contract_id,
        line_id,
        other_id
    from joins
    union
    select
        entity_id,
        contract_id,
        other_id as line_id,
        line_id as other_id
    from joins
    union
    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        others.line_id as other_id
    from candidates as lines
    inner join merging_contracts
        on lines.entity_id = merging_contracts.entity_id and lines.contract_id = merging_contracts.contract_id
    inner join candidates as others
        on
            lines.entity_id = others.entity_id
            and lines.contract_id = others.contract_id
            and lines.obligation_key = others.obligation_key

),

reached as (

    select
        entity_id,
        contract_id,
        line_id,
        other_id
    from both_ways
    union
    select
        reached.entity_id,
        reached.contract_id,
        reached.line_id,
        both_ways.other_id
    from reached
    inner join both_ways
        on
            reached.entity_id = both_ways.entity_id
            and reached.contract_id = both_ways.contract_id
            and reached.other_id = both_ways.line_id

),

merged_keys as (

    select distinct on (reached.entity_id, reached.contract_id, reached.line_id)
        reached.entity_id,
        reached.contract_id,
        reached.line_id,
        lines.obligation_key
    from reached
    inner join candidates as lines
        on
            reached.entity_id = lines.entity_id
            and reached.contract_id = lines.contract_id
            and reached.other_id = lines.line_id
    order by
        reached.entity_id asc, reached.contract_id asc, reached.line_id asc, lines.has_stated_key desc,
        lines.effective_date asc, lines.line_no asc

),

-- Obligations of several lines.
shared as (

    select
        candidates.entity_id,
        candidates.contract_id,
        coalesce(merged_keys.obligation_key, candidates.obligation_key) as obligation_key
    from candidates
    left join merged_keys
        on
            candidates.entity_id = merged_keys.entity_id
            and candidates.contract_id = merged_keys.contract_id
            and candidates.line_id = merged_keys.line_id
    group by candidates.entity_id, candidates.contract_id, coalesce(merged_keys.obligation_key, candidates.obligation_key)
    having count(*) > 1

),

final as (

    select
        lines.entity_id,
        lines.arrangement_id,
        lines.package_id,
        lines.contract_id,
        lines.line_id,
        lines.line_kind,
        coalesce(merged_keys.obligation_key, lines.obligation_key) as obligation_key,
        lines.contract_id || ':' || coalesce(merged_keys.obligation_key, lines.obligation_key) as obligation_id,
        shared.obligation_key is not null as is_shared
    from lines
    left join merged_keys
        on
            lines.entity_id = merged_keys.entity_id
            and lines.contract_id = merged_keys.contract_id
            and lines.line_id = merged_keys.line_id
    left join shared
        on
            lines.entity_id = shared.entity_id
            and lines.contract_id = shared.contract_id
            and coalesce(merged_keys.obligation_key, lines.obligation_key) = shared.obligation_key

)

select * from final
