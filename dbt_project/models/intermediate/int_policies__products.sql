-- How each product is recognised, with the days on which that holds.

with

policies as (

    select * from {{ ref('ref_products') }}

),

final as (

    select
        entity_id,
        product_code,
        effective_from,
        {{ effective_until(['entity_id', 'product_code']) }} as effective_until,
        product_name,
        recognition_method,
        revenue_role
    from policies

)

select * from final
