with

segments as (

    select * from {{ ref('int_contracts__segments') }}

),

stated as (

    select
        segments.entity_id,
        segments.contract_id,
        segments.version_no,
        sum(lines.amount_minor) as price_minor
    from segments
    inner join {{ ref('stg_canonical__contract_lines') }} as lines on segments.event_id = lines.event_id
    group by segments.entity_id, segments.contract_id, segments.version_no

),

newest_statement as (

    select distinct on (entity_id, contract_id)
        entity_id,
        contract_id,
        price_minor
    from stated
    order by entity_id, contract_id, version_no desc

),

-- Price of the newest terms, recognised or not, by the contract that promises.
worth as (

    select
        entity_id,
        contract_id,
        sum(allocated_minor)::bigint as price_minor
    from (
        select distinct on (entity_id, obligation_id)
            entity_id,
            contract_id,
            allocated_minor
        from {{ ref('int_obligations__segments') }}
        order by entity_id asc, obligation_id asc, contract_version desc, term_no desc
    ) as newest
    group by entity_id, contract_id

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
        bool_or(term_months is not null) as is_evergreen,
        bool_or(is_superseded) as is_superseded,
        sum(case when treatment = 'termination' then refund_minor else 0 end) as refund_minor
    from segments
    group by entity_id, contract_id

),

final as (

    select
        contracts.entity_id,
        contracts.contract_id,
        contracts.customer_id,
        contracts.currency_code,
        contracts.start_date,
        contracts.end_date,
        contracts.version_count,
        contracts.is_evergreen,
        case
            when contracts.is_evergreen or contracts.is_superseded then coalesce(worth.price_minor, 0)
            else coalesce(newest_statement.price_minor, 0) - contracts.refund_minor
        end::bigint as transaction_price_minor,
        quarantined.contract_id is not null as is_quarantined
    from contracts
    left join newest_statement
        on
            contracts.entity_id = newest_statement.entity_id
            and contracts.contract_id = newest_statement.contract_id
    left join worth
        on contracts.entity_id = worth.entity_id and contracts.contract_id = worth.contract_id
    left join
        (select distinct
            entity_id,
            contract_id
        from {{ ref('int_contracts__quarantined') }}) as quarantined
        on contracts.entity_id = quarantined.entity_id and contracts.contract_id = quarantined.contract_id

)

select * from final
