-- What each obligation promises under each version of its arrangement: its lines in force, summed.
-- weights: the standalone price as stated for what remains, and of wholes whose rest is still to be worked out.

-- Figures of an obligation, each summed over the lines it has under a version. A line that is alone is taken as it
-- stands: most are, and sorting them costs more than all the rest.
{% set kept = 'not is_removed' %}
{% set kept_goods = "not is_removed and line_kind = 'good_or_service'" %}
{% set figures = [
    ('is_touched', 'bool_or', 'version_no = held_version_no', none),
    ('is_changed', 'bool_or', "version_no = held_version_no and line_action <> 'added'", none),
    ('first_version_no', 'min', 'terms_version_no', none),
    ('is_removed', 'bool_and', 'is_removed', none),
    ('amount_minor', 'sum', 'price_minor', kept),
    ('service_start_date', 'min', 'service_start_date', none),
    ('service_end_date', 'max', 'service_end_date', none),
    ('months', 'max', 'quantity', kept),
    ('first_term_start_date', 'min', 'service_start_date', kept_goods),
    ('first_term_end_date', 'max', 'service_end_date', kept_goods),
    ('renewals', 'max', 'renewals_to_come', "option_measurement = 'practical_alternative'"),
    ('has_goods', 'bool_or', "line_kind in ('good_or_service', 'fee') and not is_removed", none),
    ('goods_weight', 'sum', 'own_weight', "line_kind <> 'option'"),
    ('option_weight', 'sum', 'own_weight', "line_kind = 'option'"),
    ('goods_whole_weight', 'sum', 'rest_of_weight', "line_kind <> 'option'"),
    ('option_whole_weight', 'sum', 'rest_of_weight', "line_kind = 'option'"),
    ('residual_low_minor', 'min', 'ssp_low_minor', 'is_residual'),
    ('residual_high_minor', 'max', 'ssp_high_minor', 'is_residual'),
    ('terms_end_date', 'max', 'terms_end_date', none),
    ('is_residual', 'bool_or', 'is_residual', none),
] %}

with

-- Evergreen contracts are priced term by term (int_prices__terms).
evergreen as (

    select distinct
        entity_id,
        contract_id
    from {{ ref('int_contracts__segments') }}
    where term_months is not null

),

quarantined as (

    select distinct
        entity_id,
        contract_id
    from {{ ref('int_contracts__quarantined') }}

),

kinds as (

    select kinds.*
    from {{ ref('int_obligations__kinds') }} as kinds
    left join evergreen
        on kinds.entity_id = evergreen.entity_id and kinds.contract_id = evergreen.contract_id
    left join quarantined
        on kinds.entity_id = quarantined.entity_id and kinds.contract_id = quarantined.contract_id
    where not kinds.is_priced_by_use and evergreen.contract_id is null and quarantined.contract_id is null

),

versions as (

    select * from {{ ref('int_contracts__versions') }}

),

members as (

    select
        kinds.obligation_id,
        coalesce(versions.is_only, false) as is_only_version,
        coalesce(cardinality(kinds.line_ids), 0) as line_count,
        versions.version_no as held_version_no,
        terms.*
    from {{ ref('int_contracts__line_terms') }} as terms
    inner join {{ ref('int_obligations__lines') }} as obligations
        on
            terms.entity_id = obligations.entity_id
            and terms.contract_id = obligations.contract_id
            and terms.line_id = obligations.line_id
    inner join kinds
        on obligations.entity_id = kinds.entity_id and obligations.obligation_id = kinds.obligation_id
    inner join versions
        on
            terms.entity_id = versions.entity_id
            and terms.arrangement_id = versions.arrangement_id
            and terms.version_no <= versions.version_no
            and coalesce(terms.until_version_no, 2147483647) > versions.version_no

),

-- A fee without a standalone price transfers nothing and weighs nothing; of anything else the stated price
-- stands in.
in_force as not materialized (

    select
        members.*,
        coalesce(
            members.renewals_expected,
            cardinality(members.renewal_periods) - case when members.renewal_probabilities[1] = 1 then 1 else 0 end
        ) as renewals_to_come,
        case
            when members.is_removed then 0
            when members.version_no = members.held_version_no and members.remaining_ssp_minor is not null
                then members.remaining_ssp_minor
            when members.version_no = members.held_version_no and members.line_action = 'stated'
                then coalesce(members.stated_ssp_minor, case when members.line_kind = 'fee' then 0 else members.price_minor end)
            when members.terms_version_no = members.held_version_no
                then coalesce(members.ssp_minor, case when members.line_kind = 'fee' then 0 else members.price_minor end)
        end as own_weight,
        -- The rest of these lines follows from their whole.
        case
            when
                not members.is_removed
                and members.terms_version_no < members.held_version_no
                and not (
                    members.version_no = members.held_version_no
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
    from members

),

summed as (

    select
        entity_id,
        arrangement_id,
        held_version_no as version_no,
        obligation_id,
    {% for name, aggregate, expression, condition in figures -%}
    {{ "case when " ~ condition ~ " then " ~ expression ~ " end" if condition else expression }} as {{ name }}{{ "," if not loop.last }}
    {% endfor %}
    from in_force
    where is_only_version and line_count = 1
    union all
    select
        entity_id,
        arrangement_id,
        held_version_no as version_no,
        obligation_id,
    {% for name, aggregate, expression, condition in figures -%}
    {{ aggregate }}({{ expression }}){{ " filter (where " ~ condition ~ ")" if condition }} as {{ name }}{{ "," if not loop.last }}
    {% endfor %}
    from (
        select * from in_force
        where not is_only_version
        union all
        select * from in_force
        where is_only_version and line_count <> 1
    ) as several
    group by entity_id, arrangement_id, held_version_no, obligation_id

),

final as (

    select
        entity_id,
        arrangement_id,
        version_no,
        obligation_id,
        is_touched,
        is_changed,
        first_version_no,
        is_removed,
        amount_minor::bigint as amount_minor,
        service_start_date,
        service_end_date,
        months,
        first_term_start_date,
        first_term_end_date,
        renewals,
        has_goods,
        -- An option that was used weighs no more; the goods do.
        case when has_goods then goods_weight else option_weight end as stated_weight,
        case when has_goods then goods_whole_weight else option_whole_weight end as whole_weight,
        residual_low_minor,
        residual_high_minor,
        terms_end_date,
        is_residual
    from summed

)

select * from final
