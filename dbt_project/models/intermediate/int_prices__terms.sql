-- Price of each obligation in each term of an evergreen contract: every term is priced afresh.

with

terms as (

    select * from {{ ref('int_contracts__terms') }}

),

lines as (

    select * from {{ ref('int_contracts__lines') }}
    where not is_priced_by_use and line_kind <> 'discount'

),

kinds as (

    select * from {{ ref('int_obligations__kinds') }}

),

quarantined as (

    select distinct
        entity_id,
        contract_id
    from {{ ref('int_contracts__quarantined') }}

),

promised as (

    select
        lines.entity_id,
        lines.contract_id,
        lines.contract_version_no,
        kinds.obligation_id,
        sum(lines.price_minor) as price_minor,
        sum(coalesce(lines.ssp_minor, lines.price_minor)) as weight
    from lines
    inner join {{ ref('int_obligations__lines') }} as obligations
        on
            lines.entity_id = obligations.entity_id
            and lines.contract_id = obligations.contract_id
            and lines.line_id = obligations.line_id
    inner join kinds
        on obligations.entity_id = kinds.entity_id and obligations.obligation_id = kinds.obligation_id
    left join quarantined
        on lines.entity_id = quarantined.entity_id and lines.contract_id = quarantined.contract_id
    where quarantined.contract_id is null
    group by lines.entity_id, lines.contract_id, lines.contract_version_no, kinds.obligation_id

),

final as (

    {% set source %}
    select
        promised.entity_id,
        kinds.arrangement_id,
        kinds.package_id,
        promised.contract_id,
        promised.contract_version_no as version_no,
        terms.term_no,
        promised.obligation_id,
        kinds.obligation_key,
        kinds.place,
        kinds.currency_code,
        kinds.recognition_method,
        kinds.revenue_role,
        kinds.performing_entity_id,
        kinds.rounding_unit_minor,
        terms.term_start_date as window_start_date,
        terms.term_end_date as window_end_date,
        case when terms.until_date <= terms.term_end_date then terms.until_date end as cut_date,
        promised.weight as share_weight,
        (sum(promised.price_minor) over (
            partition by promised.entity_id, promised.contract_id, promised.contract_version_no, terms.term_no
        ))::bigint as pool_minor
    from promised
    inner join kinds
        on promised.entity_id = kinds.entity_id and promised.obligation_id = kinds.obligation_id
    inner join terms
        on
            promised.entity_id = terms.entity_id
            and promised.contract_id = terms.contract_id
            and promised.contract_version_no = terms.version_no
    {% endset %}
    {{ share_out(source, 'entity_id, contract_id, version_no, term_no') }}

)

select * from final
