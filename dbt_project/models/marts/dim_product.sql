with

source as (

    select * from {{ ref('ref_products') }}

),

final as (

    select
        entity_id,
        product_code,
        product_name,
        recognition_method,
        revenue_role
    from source

)

select * from final
