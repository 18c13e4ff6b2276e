-- Transaction price of each package after each version of its arrangement (ASC 606-10-32-2): what is
-- allocated, recognised or not. Sales priced by use are not in it before they occur.

with

allocated as (

    select * from {{ ref('int_prices__allocated') }}

),

final as (

    select
        entity_id,
        package_id,
        version_no,
        min(effective_date) as effective_date,
        min(in_force_from) as in_force_from,
        sum(allocated_minor)::bigint as price_minor
    from allocated
    group by entity_id, package_id, version_no

)

select * from final
