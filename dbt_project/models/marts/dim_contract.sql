{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

segments as (

    select * from {{ ref('int_contracts__segments') }}

),

contracts as (

    select
        entity_id,
        contract_id,
        (array_agg(customer_id order by version_no desc))[1] as customer_id,
        (array_agg(currency_code order by version_no asc))[1] as currency_code,
        min(effective_date) as start_date,
        (array_agg(
            case when treatment = 'termination' then effective_date - 1 else end_date end
            order by version_no desc
        ))[1] as end_date,
        count(*)::integer as version_count,
        bool_or(term_months is not null) as is_evergreen
    from segments
    group by entity_id, contract_id

),

final as (

    select
        contracts.entity_id,
        contracts.contract_id,
        told.package_id,
        told.arrangement_id,
        contracts.customer_id,
        contracts.currency_code,
        contracts.start_date,
        contracts.end_date,
        contracts.version_count,
        contracts.is_evergreen,
        told.is_ended,
        told.price_minor as transaction_price_minor,
        quarantined.contract_id is not null as is_quarantined
    from contracts
    inner join {{ ref('int_prices__told') }} as told
        on contracts.entity_id = told.entity_id and contracts.contract_id = told.contract_id
    left join
        (select distinct
            entity_id,
            contract_id
        from {{ ref('int_contracts__quarantined') }}) as quarantined
        on contracts.entity_id = quarantined.entity_id and contracts.contract_id = quarantined.contract_id

)

select * from final
