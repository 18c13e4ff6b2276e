with

segments as (

    select * from {{ ref('int_contracts__segments') }}

),

final as (

    select
        entity_id,
        customer_id,
        count(distinct contract_id) as contract_count,
        min(effective_date) as first_effective_date
    from segments
    group by entity_id, customer_id

)

select * from final
