-- What each obligation promises under each version of its arrangement: its lines in force, summed.
-- weights: the standalone price as stated for what remains, and of wholes whose rest is still to be worked out.

with

-- Evergreen contracts are priced term by term (int_prices__terms).
kinds as (

    select kinds.*
    from {{ ref('int_obligations__kinds') }} as kinds
    where
        not kinds.is_priced_by_use
        and not exists (
            select 1
            from {{ ref('int_contracts__segments') }} as segments
            where
                segments.entity_id = kinds.entity_id
                and segments.contract_id = kinds.contract_id
                and segments.term_months is not null
        )
        and not exists (
            select 1
            from {{ ref('int_contracts__quarantined') }} as quarantined
            where quarantined.entity_id = kinds.entity_id and quarantined.contract_id = kinds.contract_id
        )

),

versions as (

    select * from {{ ref('int_contracts__versions') }}

),

members as (

    select
        kinds.obligation_id,
        terms.*
    from kinds
    inner join {{ ref('int_obligations__lines') }} as obligations
        on kinds.entity_id = obligations.entity_id and kinds.obligation_id = obligations.obligation_id
    inner join {{ ref('int_contracts__line_terms') }} as terms
        on
            obligations.entity_id = terms.entity_id
            and obligations.contract_id = terms.contract_id
            and obligations.line_id = terms.line_id

),

-- A fee without a standalone price transfers nothing and weighs nothing; of anything else the stated price
-- stands in.
in_force as (

    select
        members.*,
        versions.version_no as held_version_no,
        case
            when members.is_removed then 0
            when members.version_no = versions.version_no and members.remaining_ssp_minor is not null
                then members.remaining_ssp_minor
            when members.version_no = versions.version_no and members.line_action = 'stated'
                then coalesce(members.stated_ssp_minor, case when members.line_kind = 'fee' then 0 else members.price_minor end)
            when members.terms_version_no = versions.version_no
                then coalesce(members.ssp_minor, case when members.line_kind = 'fee' then 0 else members.price_minor end)
        end as own_weight,
        case
            when
                not members.is_removed
                and members.terms_version_no < versions.version_no
                and not (
                    members.version_no = versions.version_no
                    and (members.remaining_ssp_minor is not null or members.line_action = 'stated')
                )
                then
                    coalesce(members.ssp_minor, case when members.line_kind = 'fee' then 0 else members.price_minor end)
                    * case
                        when members.stated_ssp_minor is null and members.terms_quantity > 0
                            then members.quantity / members.terms_quantity
                        else 1
                    end
        end as rest_of_weight
    from versions
    inner join members
        on
            versions.entity_id = members.entity_id
            and versions.arrangement_id = members.arrangement_id
            and versions.version_no >= members.version_no
            and versions.version_no < coalesce(members.until_version_no, 2147483647)

),

summed as (

    select
        versions.entity_id,
        versions.arrangement_id,
        versions.version_no,
        members.obligation_id,
        bool_or(members.version_no = versions.version_no) as is_touched,
        bool_or(members.version_no = versions.version_no and members.line_action <> 'added') as is_changed,
        min(members.terms_version_no) as first_version_no,
        bool_and(members.is_removed) as is_removed,
        sum(members.price_minor) filter (where not members.is_removed)::bigint as amount_minor,
        min(members.service_start_date) as service_start_date,
        max(members.service_end_date) as service_end_date,
        max(members.quantity) filter (where not members.is_removed) as months,
        min(members.service_start_date) filter (where not members.is_removed and members.line_kind = 'good_or_service')
            as first_term_start_date,
        max(members.service_end_date) filter (where not members.is_removed and members.line_kind = 'good_or_service')
            as first_term_end_date,
        max(coalesce(
            members.renewals_expected,
            cardinality(members.renewal_periods) - case when members.renewal_probabilities[1] = 1 then 1 else 0 end
        )) filter (where members.option_measurement = 'practical_alternative') as renewals,
        bool_or(members.line_kind in ('good_or_service', 'fee') and not members.is_removed) as has_goods,
        sum(members.own_weight) filter (where members.line_kind <> 'option') as goods_weight,
        sum(members.own_weight) filter (where members.line_kind = 'option') as option_weight,
        -- The rest of these lines follows from their whole.
        sum(members.rest_of_weight) filter (where members.line_kind <> 'option') as goods_whole_weight,
        sum(members.rest_of_weight) filter (where members.line_kind = 'option') as option_whole_weight,
        min(members.ssp_low_minor) filter (where members.is_residual) as residual_low_minor,
        max(members.ssp_high_minor) filter (where members.is_residual) as residual_high_minor,
        max(members.terms_end_date) as terms_end_date,
        bool_or(members.is_residual) as is_residual
    from in_force as members
    inner join versions
        on
            members.entity_id = versions.entity_id
            and members.arrangement_id = versions.arrangement_id
            and members.held_version_no = versions.version_no
    group by versions.entity_id, versions.arrangement_id, versions.version_no, members.obligation_id

),

final as (

    select
        *,
        -- An option that was used weighs no more; the goods do.
        case when has_goods then goods_weight else option_weight end as stated_weight,
        case when has_goods then goods_whole_weight else option_whole_weight end as whole_weight
    from summed

)

select * from final
