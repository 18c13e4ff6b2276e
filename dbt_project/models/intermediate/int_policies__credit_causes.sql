-- What a credit does to the books by its cause, with the days on which that holds.

with

policies as (

    select * from {{ ref('ref_credit_causes') }}

),

final as (

    select
        entity_id,
        cause,
        effective_from,
        {{ effective_until(['entity_id', 'cause']) }} as effective_until,
        treatment
    from policies

)

select * from final
