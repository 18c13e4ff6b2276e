-- Contracts that may not earn until someone decides, each with its reason. The rest goes on.

with

segments as not materialized (

    select * from {{ ref('int_contracts__segments') }}

),

lines as not materialized (

    select
        segments.entity_id,
        segments.contract_id,
        segments.version_no,
        segments.effective_date,
        segments.currency_code,
        lines.*
    from segments
    inner join {{ ref('stg_canonical__contract_lines') }} as lines on segments.event_id = lines.event_id

),

products as (

    select * from {{ ref('int_policies__products') }}

),

prices as (

    select * from {{ ref('int_policies__standalone_prices') }}

),

policies as (

    select * from {{ ref('int_policies__in_force') }}

),

-- A renewal that starts before the old term is over, and nobody decided which of the two holds.
renewals as (

    select * from segments
    where version_no = 1 and replaces_contract_id is not null and supersedes_from_date is null

),

last_terms as (

    select distinct on (segments.entity_id, segments.contract_id)
        segments.entity_id,
        segments.contract_id,
        case
            when segments.treatment = 'termination' then segments.effective_date - 1
            when segments.term_months is not null then segments.end_date
            else coalesce(segments.end_date, services.last_date)
        end as last_date
    from segments
    inner join (
        select distinct
            entity_id,
            replaces_contract_id
        from renewals
    ) as replaced
        on segments.entity_id = replaced.entity_id and segments.contract_id = replaced.replaces_contract_id
    left join (
        select
            terms.entity_id,
            terms.contract_id,
            max(terms.service_end_date) as last_date
        from {{ ref('int_contracts__line_terms') }} as terms
        inner join (
            select distinct
                entity_id,
                replaces_contract_id
            from renewals
        ) as ended
            on terms.entity_id = ended.entity_id and terms.contract_id = ended.replaces_contract_id
        where terms.until_version_no is null and not terms.is_removed
        group by terms.entity_id, terms.contract_id
    ) as services
        on segments.entity_id = services.entity_id and segments.contract_id = services.contract_id
    order by segments.entity_id, segments.contract_id, segments.version_no desc

),

-- A renewal may be agreed long before its service starts.
first_services as (

    select
        lines.event_id,
        min(lines.service_start_date) as service_start_date
    from lines
    inner join renewals on lines.event_id = renewals.event_id
    group by lines.event_id

),

overlapping as (

    select
        renewal.entity_id,
        renewal.contract_id,
        'OVERLAPPING_RENEWAL' as reason_code,
        'starts ' || coalesce(first_services.service_start_date, renewal.effective_date) || ' while ' || old_term.contract_id || ' runs until '
        || coalesce(old_term.last_date::text, 'further notice') as detail
    from renewals as renewal
    inner join last_terms as old_term
        on
            renewal.entity_id = old_term.entity_id
            and renewal.replaces_contract_id = old_term.contract_id
    left join first_services
        on renewal.event_id = first_services.event_id
    where coalesce(first_services.service_start_date, renewal.effective_date) <= coalesce(old_term.last_date, 'infinity'::date)

),

unknown_products as (

    select
        lines.entity_id,
        lines.contract_id,
        'UNKNOWN_PRODUCT' as reason_code,
        'line ' || lines.line_id || ': product ' || lines.product_code || ' has no recognition policy' as detail
    from lines
    left join products
        on
            lines.entity_id = products.entity_id
            and lines.product_code = products.product_code
            and {{ in_force('products', 'lines.effective_date') }}
    where
        products.product_code is null
        and lines.line_action in ('stated', 'added')
        and lines.line_kind = 'good_or_service'
        -- A line that says how it is recognised, or what it sells for alone, needs no price list.
        and lines.recognition_method is null
        and lines.ssp_minor is null

),

bundles as (

    select event_id
    from lines
    group by event_id
    having count(distinct obligation_key) > 1

),

missing_prices as (

    select
        lines.entity_id,
        lines.contract_id,
        'MISSING_SSP' as reason_code,
        'line ' || lines.line_id || ': product ' || lines.product_code || ' has no standalone selling price in '
        || lines.currency_code as detail
    from lines
    inner join policies
        on
            lines.entity_id = policies.entity_id
            and {{ in_force('policies', 'lines.effective_date') }}
            and policies.missing_ssp = 'stop'
    left join products
        on
            lines.entity_id = products.entity_id
            and lines.product_code = products.product_code
            and {{ in_force('products', 'lines.effective_date') }}
    left join prices
        on
            lines.entity_id = prices.entity_id
            and lines.product_code = prices.product_code
            and lines.currency_code = prices.currency_code
            and {{ in_force('prices', 'lines.effective_date') }}
    -- A lone obligation takes the whole price; nothing has to be split.
    inner join bundles on lines.event_id = bundles.event_id
    where
        lines.ssp_minor is null
        and prices.product_code is null
        and lines.line_action in ('stated', 'added')
        and lines.line_kind = 'good_or_service'
        -- What is priced by use takes no part in the split, what is sold at a residual needs no price of its own.
        and coalesce(lines.recognition_method, products.recognition_method) <> 'usage'
        and not (lines.amount_minor = 0 and coalesce(lines.unit_price_minor, 0) <> 0)
        and coalesce(lines.ssp_basis, 'stated') <> 'residual'
        and coalesce(lines.ssp_low_minor, lines.ssp_high_minor, lines.remaining_ssp_minor) is null

),

headless as (

    select
        entity_id,
        contract_id,
        'CONTRACT_NOT_SIGNED' as reason_code,
        'the first version known is a ' || event_type as detail
    from segments
    where version_no = 1 and event_type not in ('contract.signed', 'contract.renewed')

),

fixed_usage as (

    select
        lines.entity_id,
        lines.contract_id,
        'USAGE_LINE_WITH_FIXED_PRICE' as reason_code,
        'line ' || lines.line_id || ' is priced per unit and carries a fixed amount too' as detail
    from lines
    inner join products
        on
            lines.entity_id = products.entity_id
            and lines.product_code = products.product_code
            and {{ in_force('products', 'lines.effective_date') }}
            and products.recognition_method = 'usage'
    where lines.amount_minor <> 0 and lines.recognition_method is null

),

endless as (

    select
        lines.entity_id,
        lines.contract_id,
        'TERM_MISSING' as reason_code,
        'line ' || lines.line_id || ' has no end and its contract no renewing term' as detail
    from lines
    inner join segments on lines.event_id = segments.event_id
    inner join products
        on
            lines.entity_id = products.entity_id
            and lines.product_code = products.product_code
            and {{ in_force('products', 'lines.effective_date') }}
            and products.recognition_method in ('ratable_daily', 'ratable_monthly')
    where
        lines.service_end_date is null
        and lines.service_start_date is not null
        and segments.term_months is null

),

before_the_books as (

    select
        segments.entity_id,
        segments.contract_id,
        'MISSING_PERIOD' as reason_code,
        'service from ' || lines.service_start_date || ', books from ' || entities.first_period as detail
    from lines
    inner join segments on lines.event_id = segments.event_id
    inner join {{ ref('ref_legal_entities') }} as entities on segments.entity_id = entities.entity_id
    where least(lines.service_start_date, segments.effective_date) < entities.first_period

),

-- Orders signed as one package in several currencies: their prices cannot be added up.
mixed_packages as (

    select distinct
        members.entity_id,
        members.package_id,
        min(members.contract_id || ' in ' || members.currency_code) over (partition by members.entity_id, members.package_id)
        || ', ' || heads.contract_id || ' in ' || heads.currency_code as detail
    from {{ ref('int_contracts__arrangements') }} as members
    inner join {{ ref('int_contracts__arrangements') }} as heads
        on
            members.entity_id = heads.entity_id
            and members.package_id = heads.contract_id
            and members.currency_code <> heads.currency_code
    where members.package_id <> members.contract_id

),

mixed_currencies as (

    select
        contracts.entity_id,
        contracts.contract_id,
        'SEVERAL_CURRENCIES' as reason_code,
        'one package: ' || mixed_packages.detail as detail
    from mixed_packages
    inner join {{ ref('int_contracts__arrangements') }} as contracts
        on mixed_packages.entity_id = contracts.entity_id and mixed_packages.package_id = contracts.package_id

),

reasons as (

    select * from overlapping
    union all
    select * from mixed_currencies
    union all
    select * from unknown_products
    union all
    select * from missing_prices
    union all
    select * from headless
    union all
    select * from fixed_usage
    union all
    select * from endless
    union all
    select * from before_the_books

),

final as (

    select
        entity_id,
        contract_id,
        reason_code,
        min(detail) as detail
    from reasons
    group by entity_id, contract_id, reason_code

)

select * from final
