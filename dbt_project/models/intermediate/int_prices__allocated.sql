-- The price of each obligation under each version of its contract.
--
-- A version distributes what is left: pool(v+1) = pool(v) - earned to the effective date under v
-- + change in price (ASC 606-10-25-13a, prospective). Revenue earned before a change is rounded once
-- and kept. The recursion steps through the versions; each step allocates with window functions,
-- because PostgreSQL allows no aggregate over the recursive part.
-- Evergreen contracts need no recursion: every term is priced afresh.

with recursive

obligations as (

    select * from {{ ref('int_obligations__identified') }}

),

segments as (

    select * from {{ ref('int_contracts__segments') }}

),

contract_prices as (

    select
        entity_id,
        contract_id,
        version_no,
        sum(amount_minor)::bigint as price_minor
    from obligations
    group by entity_id, contract_id, version_no

),

versions as (

    select
        segments.entity_id,
        segments.contract_id,
        segments.version_no,
        segments.treatment,
        segments.until_date,
        segments.is_superseded,
        contract_prices.price_minor,
        case
            when segments.treatment = 'termination' then -segments.refund_minor
            else
                contract_prices.price_minor - lag(contract_prices.price_minor, 1, 0::bigint) over (
                    partition by segments.entity_id, segments.contract_id
                    order by segments.version_no
                )
        end as price_change_minor
    from segments
    inner join contract_prices
        on
            segments.entity_id = contract_prices.entity_id
            and segments.contract_id = contract_prices.contract_id
            and segments.version_no = contract_prices.version_no
    where
        not exists (
            select 1
            from segments as siblings
            where
                siblings.entity_id = segments.entity_id
                and siblings.contract_id = segments.contract_id
                and siblings.term_months is not null
        )

),

inputs as (

    select
        obligations.entity_id,
        obligations.contract_id,
        obligations.version_no,
        obligations.obligation_key,
        obligations.obligation_id,
        obligations.line_order,
        obligations.weight_minor,
        obligations.recognition_method,
        obligations.revenue_role,
        obligations.window_start_date,
        obligations.window_end_date,
        versions.treatment,
        versions.until_date,
        versions.is_superseded,
        versions.price_change_minor
    from obligations
    inner join versions
        on
            obligations.entity_id = versions.entity_id
            and obligations.contract_id = versions.contract_id
            and obligations.version_no = versions.version_no

),

allocated as (

    {% set first_version %}
        select inputs.*, inputs.price_change_minor as pool_minor
        from inputs
        where inputs.version_no = 1
    {% endset %}
    {{ allocate_shares(first_version, 'entity_id, contract_id') }}

    union all

    {% set next_version %}
        select
            inputs.entity_id,
            inputs.contract_id,
            inputs.version_no,
            inputs.obligation_key,
            inputs.obligation_id,
            inputs.line_order,
            case
                when inputs.treatment = 'termination' then abs(previous.allocated_minor - previous.earned_at_cut_minor)
                else inputs.weight_minor
            end as weight_minor,
            inputs.recognition_method,
            inputs.revenue_role,
            inputs.window_start_date,
            inputs.window_end_date,
            inputs.treatment,
            inputs.until_date,
            inputs.is_superseded,
            inputs.price_change_minor,
            case
                when inputs.is_superseded then 0::bigint
                else (previous.remaining_minor + inputs.price_change_minor)::bigint
            end as pool_minor
        from (
            select
                allocated.*,
                sum(allocated.allocated_minor - allocated.earned_at_cut_minor)
                    over (partition by allocated.entity_id, allocated.contract_id) as remaining_minor,
                row_number() over (
                    partition by allocated.entity_id, allocated.contract_id
                    order by allocated.line_order, allocated.obligation_key
                ) as place
            from allocated
        ) as previous
        inner join inputs
            on
                previous.entity_id = inputs.entity_id
                and previous.contract_id = inputs.contract_id
                and previous.version_no + 1 = inputs.version_no
                and (
                    (inputs.treatment = 'termination' and previous.obligation_key = inputs.obligation_key)
                    or (inputs.treatment <> 'termination' and previous.place = 1)
                )
    {% endset %}
    {{ allocate_shares(next_version, 'entity_id, contract_id') }}

),

term_inputs as (

    select
        obligations.entity_id,
        obligations.contract_id,
        obligations.version_no,
        terms.term_no,
        obligations.obligation_key,
        obligations.obligation_id,
        obligations.line_order,
        obligations.weight_minor,
        obligations.recognition_method,
        obligations.revenue_role,
        terms.term_start_date as window_start_date,
        terms.term_end_date as window_end_date,
        case when terms.until_date <= terms.term_end_date then terms.until_date end as until_date,
        (sum(obligations.amount_minor) over (
            partition by obligations.entity_id, obligations.contract_id, obligations.version_no, terms.term_no
        ))::bigint as pool_minor
    from obligations
    inner join {{ ref('int_contracts__terms') }} as terms
        on
            obligations.entity_id = terms.entity_id
            and obligations.contract_id = terms.contract_id
            and obligations.version_no = terms.version_no

),

allocated_terms as (

    {% set term_source %}select * from term_inputs{% endset %}
    {{ allocate_shares(term_source, 'entity_id, contract_id, version_no, term_no') }}

),

all_terms as (

    select
        entity_id,
        contract_id,
        version_no,
        1 as term_no,
        obligation_key,
        obligation_id,
        recognition_method,
        revenue_role,
        window_start_date,
        window_end_date,
        until_date,
        weight_minor,
        pool_minor,
        allocated_minor,
        earned_at_cut_minor
    from allocated
    union all
    select
        entity_id,
        contract_id,
        version_no,
        term_no,
        obligation_key,
        obligation_id,
        recognition_method,
        revenue_role,
        window_start_date,
        window_end_date,
        until_date,
        weight_minor,
        pool_minor,
        allocated_minor,
        earned_at_cut_minor
    from allocated_terms

),

final as (

    select
        entity_id,
        contract_id,
        version_no,
        term_no,
        obligation_key,
        obligation_id,
        recognition_method,
        revenue_role,
        window_start_date,
        window_end_date,
        until_date,
        weight_minor,
        pool_minor,
        allocated_minor,
        -- What the obligation keeps of its share once a later version took the rest back.
        case when until_date is null then allocated_minor else earned_at_cut_minor end as price_minor
    from all_terms

)

select * from final
