with

source as (

    select * from {{ ref('ref_accounts') }}

),

final as (

    select
        entity_id,
        account_role,
        account_code,
        account_name,
        account_type
    from source

)

select * from final
