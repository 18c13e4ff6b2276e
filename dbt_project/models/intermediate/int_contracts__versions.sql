-- Versions of each arrangement: what takes effect together, with the day on which the next one does.

with

changes as (

    select * from {{ ref('int_contracts__changes') }}

),

final as (

    select
        entity_id,
        arrangement_id,
        version_no,
        min(effective_date) as effective_date,
        min(in_force_from) as in_force_from,
        min(treatment) as treatment,
        min(change_kind) as change_kind,
        min(contract_id) as contract_id,
        -- Most arrangements never change: whoever only has to look at changes can leave them aside.
        version_no = 1 and count(*) over (partition by entity_id, arrangement_id) = 1 as is_only,
        lead(min(effective_date)) over (partition by entity_id, arrangement_id order by version_no) as next_effective_date,
        lead(min(in_force_from)) over (partition by entity_id, arrangement_id order by version_no) as next_in_force_from
    from changes
    group by entity_id, arrangement_id, version_no

)

select * from final
