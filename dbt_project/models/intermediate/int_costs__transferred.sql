-- Cost of goods that passed to the customer, and the part of it that is expected to come back
-- (ASC 606-10-55-23 to 55-28). While returns cannot be estimated all of it is a right to recover goods.

with

lines as (

    select distinct on (terms.entity_id, terms.contract_id, terms.line_id)
        terms.*,
        obligations.obligation_id
    from {{ ref('int_contracts__line_terms') }} as terms
    inner join {{ ref('int_obligations__lines') }} as obligations
        on
            terms.entity_id = obligations.entity_id
            and terms.contract_id = obligations.contract_id
            and terms.line_id = obligations.line_id
    where terms.unit_cost_minor is not null and not terms.is_removed
    order by terms.entity_id asc, terms.contract_id asc, terms.line_id asc, terms.version_no desc

),

gates as (

    select * from {{ ref('int_contracts__gates') }}

),

fulfilments as (

    select distinct on (entity_id, contract_id, line_id, fulfilment_id)
        entity_id,
        contract_id,
        line_id,
        fulfilled_date,
        quantity
    from {{ ref('stg_canonical__fulfilment_events') }}
    order by entity_id asc, contract_id asc, line_id asc, fulfilment_id asc, recorded_at desc, event_id asc

),

-- Goods that are no sale yet stay in the books until they are.
moved as (

    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        coalesce(
            (
                select max(coalesce(gates.opened_date, 'infinity'::date))
                from gates
                where
                    gates.entity_id = lines.entity_id
                    and gates.contract_id = lines.contract_id
                    and gates.gate in ('collectability', 'repurchase')
                    and fulfilments.fulfilled_date >= gates.closed_from_date
                    and fulfilments.fulfilled_date < coalesce(gates.opened_date, 'infinity'::date)
            ),
            fulfilments.fulfilled_date
        ) as economic_date,
        coalesce(fulfilments.quantity, lines.quantity, 1) as quantity
    from lines
    inner join fulfilments
        on
            lines.entity_id = fulfilments.entity_id
            and lines.contract_id = fulfilments.contract_id
            and lines.line_id = fulfilments.line_id

),

returns as (

    select
        entity_id,
        contract_id,
        effective_date,
        coalesce(until_date, 'infinity'::date) as until_date,
        -priced_minor / nullif(unit_price_minor, 0) as expected_units
    from {{ ref('int_prices__components') }}
    where component_kind = 'returns'

),

-- Units that came back: credited at their price, back in stock.
came_back as (

    select
        returned.entity_id,
        returned.contract_id,
        returned.line_id,
        returned.economic_date,
        returned.amount_minor
        / nullif(coalesce(lines.unit_price_minor, lines.price_minor / nullif(lines.quantity, 0)), 0) as quantity
    from {{ ref('int_prices__returned') }} as returned
    inner join lines
        on
            returned.entity_id = lines.entity_id
            and returned.contract_id = lines.contract_id
            and returned.line_id = lines.line_id

),

days as (

    select
        entity_id,
        contract_id,
        line_id,
        economic_date
    from moved
    where economic_date < 'infinity'::date
    union
    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        returns.effective_date as economic_date
    from lines
    inner join returns
        on lines.entity_id = returns.entity_id and lines.contract_id = returns.contract_id
    union
    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        came_back.economic_date
    from lines
    inner join came_back
        on
            lines.entity_id = came_back.entity_id
            and lines.contract_id = came_back.contract_id
            and lines.line_id = came_back.line_id
    union
    select
        lines.entity_id,
        lines.contract_id,
        lines.line_id,
        gates.opened_date as economic_date
    from lines
    inner join gates
        on lines.entity_id = gates.entity_id and lines.contract_id = gates.contract_id
    where gates.gate = 'return' and gates.opened_date is not null

),

to_date as (

    select
        days.entity_id,
        lines.arrangement_id,
        days.contract_id,
        lines.obligation_id,
        days.line_id,
        days.economic_date,
        lines.currency_code,
        lines.unit_cost_minor,
        coalesce(policies.rounding_unit_minor, 1) as rounding_unit_minor,
        coalesce((
            select sum(moved.quantity)
            from moved
            where
                moved.entity_id = days.entity_id
                and moved.contract_id = days.contract_id
                and moved.line_id = days.line_id
                and moved.economic_date <= days.economic_date
        ), 0) as quantity,
        lines.quantity as promised_quantity,
        coalesce((
            select sum(came_back.quantity)
            from came_back
            where
                came_back.entity_id = days.entity_id
                and came_back.contract_id = days.contract_id
                and came_back.line_id = days.line_id
                and came_back.economic_date <= days.economic_date
        ), 0) as returned_quantity,
        coalesce((
            select sum(returns.expected_units)
            from returns
            where
                returns.entity_id = days.entity_id
                and returns.contract_id = days.contract_id
                and days.economic_date >= returns.effective_date
                and days.economic_date < returns.until_date
        ), 0) as expected_units,
        coalesce((
            select bool_or(true)
            from gates
            where
                gates.entity_id = days.entity_id
                and gates.contract_id = days.contract_id
                and gates.gate = 'return'
                and days.economic_date >= gates.closed_from_date
                and days.economic_date < coalesce(gates.opened_date, 'infinity'::date)
        ), false) as is_return_open
    from days
    inner join lines
        on
            days.entity_id = lines.entity_id
            and days.contract_id = lines.contract_id
            and days.line_id = lines.line_id
    left join {{ ref('int_policies__in_force') }} as policies
        on
            days.entity_id = policies.entity_id
            and {{ in_force('policies', 'days.economic_date') }}

),

valued as (

    select
        *,
        {{ in_units('(quantity - least(returned_quantity, quantity)) * unit_cost_minor', 'rounding_unit_minor') }}::bigint as cost_to_date_minor,
        {{ in_units(
            'case
                when is_return_open then quantity - least(returned_quantity, quantity)
                when promised_quantity > 0
                    then greatest(least(quantity, expected_units * quantity / promised_quantity) - returned_quantity, 0)
                else greatest(least(quantity, expected_units) - returned_quantity, 0)
            end * unit_cost_minor', 'rounding_unit_minor'
        ) }}::bigint as return_asset_to_date_minor
    from to_date

),

increments as (

    select
        *,
        cost_to_date_minor - lag(cost_to_date_minor, 1, 0::bigint) over by_line as cost_minor,
        return_asset_to_date_minor - lag(return_asset_to_date_minor, 1, 0::bigint) over by_line as return_asset_minor
    from valued
    window by_line as (partition by entity_id, contract_id, line_id order by economic_date)

),

final as (

    select
        entity_id,
        arrangement_id,
        contract_id,
        obligation_id,
        economic_date,
        {{ period_of('entity_id', 'economic_date') }} as economic_period,
        currency_code,
        sum(cost_minor)::bigint as cost_minor,
        sum(return_asset_minor)::bigint as return_asset_minor
    from increments
    group by entity_id, arrangement_id, contract_id, obligation_id, economic_date, currency_code
    having sum(cost_minor) <> 0 or sum(return_asset_minor) <> 0

)

select * from final
