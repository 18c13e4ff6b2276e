with

source as (

    select * from {{ ref('int_policies__products') }}

),

final as (

    select
        entity_id,
        product_code,
        effective_from,
        effective_until,
        product_name,
        recognition_method,
        revenue_role
    from source

)

select * from final
