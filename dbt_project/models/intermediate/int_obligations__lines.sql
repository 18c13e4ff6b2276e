-- Which lines form one performance obligation (ASC 606-10-25-19 to 25-22).
--
-- Lines that share an obligation key are one. A line that is not distinct merges with the lines it says;
-- where it says none, with the first good or service of its contract. A fee that transfers nothing and
-- names nothing it belongs to is part of the price alone (606-10-55-51), like a discount. The obligation takes
-- the key of its first line, a stated key before a line's own.

with recursive

lines as (

    select distinct on (entity_id, contract_id, line_id)
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
        line_no,
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
    order by entity_id asc, contract_id asc, line_id asc, effective_date asc, contract_version_no asc

),

first_goods as (

    select distinct on (entity_id, contract_id)
        entity_id,
        contract_id,
        line_id
    from lines
    where line_kind = 'good_or_service'
    order by entity_id asc, contract_id asc, is_distinct desc, effective_date asc, line_no asc

),

joins as (

    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        others.line_id as other_id
    from lines
    inner join lines as others
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
    from lines
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
    from lines
    inner join merging_contracts
        on lines.entity_id = merging_contracts.entity_id and lines.contract_id = merging_contracts.contract_id
    inner join lines as others
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
    inner join lines
        on
            reached.entity_id = lines.entity_id
            and reached.contract_id = lines.contract_id
            and reached.other_id = lines.line_id
    order by
        reached.entity_id asc, reached.contract_id asc, reached.line_id asc, lines.has_stated_key desc,
        lines.effective_date asc, lines.line_no asc

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
        lines.contract_id || ':' || coalesce(merged_keys.obligation_key, lines.obligation_key) as obligation_id
    from lines
    left join merged_keys
        on
            lines.entity_id = merged_keys.entity_id
            and lines.contract_id = merged_keys.contract_id
            and lines.line_id = merged_keys.line_id

)

select * from final
