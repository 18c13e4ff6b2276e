-- Account of each role, with the days on which it holds.

with

policies as (

    select * from {{ ref('ref_accounts') }}

),

final as (

    select
        entity_id,
        account_role,
        effective_from,
        {{ effective_until(['entity_id', 'account_role']) }} as effective_until,
        account_code,
        account_name,
        account_type
    from policies

)

select * from final
