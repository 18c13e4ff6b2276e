-- Price lists, with the days on which they hold.

with

policies as (

    select * from {{ ref('ref_standalone_prices') }}

),

final as (

    select
        entity_id,
        product_code,
        currency_code,
        effective_from,
        {{ effective_until(['entity_id', 'product_code', 'currency_code']) }} as effective_until,
        ssp_minor,
        ssp_basis
    from policies

)

select * from final
