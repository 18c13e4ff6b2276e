with

source as (

    select * from {{ ref('int_policies__accounts') }}

),

final as (

    select
        entity_id,
        account_role,
        effective_from,
        effective_until,
        account_code,
        account_name,
        account_type
    from source

)

select * from final
