-- Contract positions in the entity's own currency, movement by movement.
--
-- A contract liability is not a claim to money: it and the revenue released from it stay at the rates of the
-- claims that built it (ASC 830-10-45-18). Each claim is a layer; what is performed uses the first ones, a document
-- that takes back uses the last ones. Layers are rounded to date, so a liability that is used up leaves nothing.
-- Revenue ahead of claims takes the rate of its day; the asset it makes is remeasured at closing rates, and what a
-- claim later differs from it is a gain or loss. Grain: one row per step, in order.

with

movements as (

    select
        *,
        case credit_role when 'contract_liability' then amount_minor else -amount_minor end as change_minor,
        case credit_role when 'contract_liability' then spot_minor else -spot_minor end as change_spot_minor,
        debit_role = 'contract_liability' as is_release,
        movement not in ('billing', 'void', 'credit', 'advance', 'dispute_lost', 'write_off', 'recovery') as is_performed
    from {{ ref('int_fx__movements') }}
    where 'contract_liability' in (debit_role, credit_role)

),

arrangements as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        functional_currency_code,
        max(rounding_unit_minor) as rounding_unit_minor,
        min(economic_date) as first_date
    from movements
    group by entity_id, arrangement_id, currency_code, functional_currency_code

),

steps as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        functional_currency_code,
        economic_date,
        -- Claims before what they are used for, the close of the day last.
        case when change_minor > 0 then 1 else 2 end as step_kind,
        contract_id,
        obligation_id,
        movement,
        debit_role,
        credit_role,
        change_minor,
        change_spot_minor,
        is_release,
        is_performed,
        null::numeric as closing_factor,
        rounding_unit_minor
    from movements
    union all
    select
        arrangements.entity_id,
        arrangements.arrangement_id,
        arrangements.currency_code,
        arrangements.functional_currency_code,
        rates.rate_date as economic_date,
        3 as step_kind,
        arrangements.arrangement_id as contract_id,
        '' as obligation_id,
        'fx' as movement,
        '' as debit_role,
        '' as credit_role,
        0::bigint as change_minor,
        0::bigint as change_spot_minor,
        false as is_release,
        false as is_performed,
        rates.closing_rate * rates.minor_factor as closing_factor,
        arrangements.rounding_unit_minor
    from arrangements
    inner join {{ ref('int_fx__rates') }} as rates
        on
            arrangements.entity_id = rates.entity_id
            and arrangements.currency_code = rates.currency_code
            and rates.is_closing
            and arrangements.first_date <= rates.rate_date

),

numbered as (

    select
        *,
        row_number() over (
            partition by entity_id, arrangement_id, currency_code
            order by
                economic_date, step_kind, movement, contract_id, obligation_id, debit_role, credit_role
        )::integer as step_no
    from steps

),

listed as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        count(*)::integer as step_count,
        max(rounding_unit_minor)::numeric as unit,
        array_agg(change_minor order by step_no) as changes,
        array_agg(change_spot_minor order by step_no) as spots,
        array_agg(is_release order by step_no) as releases,
        array_agg(is_performed order by step_no) as performances,
        array_agg(closing_factor order by step_no) as closings
    from numbered
    group by entity_id, arrangement_id, currency_code

),

-- One arrangement after the other, step by step: each needs the position the former one left.
walked as (

    select
        listed.entity_id,
        listed.arrangement_id,
        listed.currency_code,
        walk.step_no,
        walk.position_minor,
        walk.functional_minor,
        walk.moved_minor,
        walk.gained_minor
    from listed
    cross join lateral (
        with recursive walk as (
            select
                0 as step_no,
                0::numeric as position_minor,
                0::numeric as functional_minor,
                0::numeric as moved_minor,
                0::numeric as gained_minor,
                -- Layers of the liability, oldest first: amount, carrying amount, and how much of all is used.
                array[]::numeric[] as layer_amounts,
                array[]::numeric[] as layer_costs,
                0::numeric as used_minor
            union all
            select
                stepped.step_no,
                stepped.next_position_minor as position_minor,
                stepped.functional_minor + stepped.moved_minor - stepped.gained_minor as functional_minor,
                stepped.moved_minor,
                stepped.gained_minor,
                case
                    when stepped.next_position_minor <= 0 then array[]::numeric[]
                    when stepped.position_minor <= 0 then array[stepped.next_position_minor]
                    when stepped.cut_amounts is not null then stepped.cut_amounts
                    when stepped.change_minor > stepped.restored_minor
                        then stepped.layer_amounts || (stepped.change_minor - stepped.restored_minor)
                    else stepped.layer_amounts
                end as layer_amounts,
                case
                    when stepped.next_position_minor <= 0 then array[]::numeric[]
                    when stepped.position_minor <= 0
                        then array[stepped.functional_minor + stepped.moved_minor - stepped.gained_minor]
                    when stepped.cut_costs is not null then stepped.cut_costs
                    when stepped.change_minor > stepped.restored_minor
                        then stepped.layer_costs || (stepped.moved_minor - stepped.layered_minor)
                    else stepped.layer_costs
                end as layer_costs,
                case
                    when stepped.next_position_minor <= 0 or stepped.position_minor <= 0 then 0::numeric
                    when stepped.change_minor < 0 and stepped.is_performed
                        then stepped.used_minor - stepped.change_minor
                    else stepped.used_minor - stepped.restored_minor
                end as used_minor
            from (
                select
                    parts.*,
                    case
                        when parts.closing_factor is not null then 0::numeric
                        -- Used at the rates it was built at; beyond it at the rate of the day.
                        when parts.is_kept_rate then sign(parts.change_minor) * parts.part_minor + parts.rest_minor
                        else parts.spot_minor
                    end as moved_minor,
                    case
                        when parts.closing_factor is not null and parts.position_minor < 0
                            then parts.functional_minor - {{ in_units('parts.position_minor * parts.closing_factor', 'parts.unit') }}
                        -- A claim replaces an asset: the difference of the rates is won or lost.
                        when
                            parts.closing_factor is null and not parts.is_kept_rate
                            and parts.position_minor < 0 and parts.change_minor > 0
                            then parts.spot_minor - parts.rest_minor - parts.part_minor
                        else 0::numeric
                    end as gained_minor
                from (
                    select
                        ranges.*,
                        layered.layered_minor,
                        layered.cut_amounts,
                        layered.cut_costs,
                        -- Carrying amount of the part that is used, of what stands there.
                        case
                            when ranges.position_minor = 0 then 0::numeric
                            -- What was never used comes back at what stands there on average.
                            when ranges.position_minor > 0 and ranges.change_minor > 0
                                then layered.layered_minor + {{ in_units(
                                    'ranges.functional_minor * (ranges.change_minor - ranges.restored_minor) / ranges.position_minor',
                                    'ranges.unit'
                                ) }}
                            when ranges.position_minor > 0 then layered.layered_minor
                            when ranges.change_minor < 0
                                then {{ in_units(
                                    'abs(ranges.functional_minor) * abs(ranges.change_minor) / abs(ranges.position_minor)', 'ranges.unit'
                                ) }}
                            else {{ in_units(
                                'abs(ranges.functional_minor) * least(abs(ranges.position_minor), ranges.change_minor) / abs(ranges.position_minor)',
                                'ranges.unit'
                            ) }}
                        end as part_minor,
                        -- What goes beyond it, at the rate of the day.
                        case
                            when ranges.change_minor = 0 or sign(ranges.position_minor) = sign(ranges.change_minor)
                                then 0::numeric
                            else
                                ranges.spot_minor
                                - {{ in_units(
                                    'ranges.spot_minor * least(abs(ranges.position_minor), abs(ranges.change_minor)) / abs(ranges.change_minor)',
                                    'ranges.unit'
                                ) }}
                        end as rest_minor
                    from (
                        select
                            walk.step_no + 1 as step_no,
                            walk.position_minor,
                            walk.functional_minor,
                            walk.layer_amounts,
                            walk.layer_costs,
                            walk.used_minor,
                            listed.unit,
                            walk.position_minor + listed.changes[walk.step_no + 1]::numeric as next_position_minor,
                            listed.changes[walk.step_no + 1]::numeric as change_minor,
                            listed.spots[walk.step_no + 1]::numeric as spot_minor,
                            listed.closings[walk.step_no + 1] as closing_factor,
                            listed.performances[walk.step_no + 1] as is_performed,
                            -- Takes from what stands there, or gives back to it.
                            case
                                when walk.position_minor > 0
                                    then listed.changes[walk.step_no + 1]::numeric < 0 or listed.releases[walk.step_no + 1]
                                when walk.position_minor < 0
                                    then
                                        listed.changes[walk.step_no + 1]::numeric > 0
                                        and listed.releases[walk.step_no + 1]
                                else false
                            end as is_kept_rate,
                            -- Performance that is taken back was used last.
                            case
                                when
                                    walk.position_minor > 0 and listed.releases[walk.step_no + 1]
                                    and listed.performances[walk.step_no + 1]
                                    then greatest(least(listed.changes[walk.step_no + 1]::numeric, walk.used_minor), 0)
                                else 0::numeric
                            end as restored_minor
                        from walk
                        where walk.step_no < listed.step_count
                    ) as ranges
                    -- Of all layers in a row, from which unit to which the step reaches.
                    cross join
                        lateral (
                            select
                                case
                                    when ranges.position_minor <= 0 then 0::numeric
                                    when ranges.change_minor >= 0 then ranges.used_minor - ranges.restored_minor
                                    when ranges.is_performed then ranges.used_minor
                                    else ranges.used_minor + greatest(ranges.next_position_minor, 0)
                                end as from_minor,
                                case
                                    when ranges.position_minor <= 0 then 0::numeric
                                    when ranges.change_minor >= 0 then ranges.used_minor
                                    when ranges.is_performed
                                        then ranges.used_minor + least(ranges.position_minor, -ranges.change_minor)
                                    else ranges.used_minor + ranges.position_minor
                                end as to_minor
                        ) as reach
                    cross join lateral (
                        select
                            coalesce(sum(
                                {{ in_units(
                                    'layers.cost * greatest(least(reach.to_minor - layers.before, layers.amount), 0) / layers.amount',
                                    'ranges.unit'
                                ) }}
                                - {{ in_units(
                                    'layers.cost * greatest(least(reach.from_minor - layers.before, layers.amount), 0) / layers.amount',
                                    'ranges.unit'
                                ) }}
                            ), 0) as layered_minor,
                            case
                                when ranges.position_minor > 0 and ranges.change_minor < 0 and not ranges.is_performed
                                    then
                                        array_agg(least(reach.from_minor - layers.before, layers.amount) order by layers.place)
                                        filter (where layers.before < reach.from_minor)
                            end as cut_amounts,
                            case
                                when ranges.position_minor > 0 and ranges.change_minor < 0 and not ranges.is_performed
                                    then array_agg(
                                        {{ in_units(
                                            'layers.cost * least(reach.from_minor - layers.before, layers.amount) / layers.amount',
                                            'ranges.unit'
                                        ) }}
                                        order by layers.place
                                    ) filter (where layers.before < reach.from_minor)
                            end as cut_costs
                        from (
                            select
                                unnested.amount,
                                unnested.cost,
                                unnested.place,
                                sum(unnested.amount) over (order by unnested.place) - unnested.amount as before
                            from
                                unnest(ranges.layer_amounts, ranges.layer_costs)
                                with ordinality as unnested (amount, cost, place)
                        ) as layers
                    ) as layered
                ) as parts
            ) as stepped
        )

        select * from walk where step_no > 0
    ) as walk

),

final as (

    select
        numbered.entity_id,
        numbered.arrangement_id,
        numbered.currency_code,
        numbered.functional_currency_code,
        numbered.step_no,
        numbered.economic_date,
        numbered.contract_id,
        numbered.obligation_id,
        numbered.movement,
        numbered.debit_role,
        numbered.credit_role,
        walked.position_minor::bigint as position_minor,
        walked.functional_minor::bigint as functional_minor,
        -- Of the movement, in the direction in which it is stated.
        case numbered.credit_role when 'contract_liability' then walked.moved_minor else -walked.moved_minor end::bigint
            as moved_minor,
        walked.gained_minor::bigint as gained_minor
    from numbered
    inner join walked
        on
            numbered.entity_id = walked.entity_id
            and numbered.arrangement_id = walked.arrangement_id
            and numbered.currency_code = walked.currency_code
            and numbered.step_no = walked.step_no

)

select * from final
