-- Choices of each entity with the days on which they hold: a row of the seed holds until the next one.

with

policies as (

    select * from {{ ref('ref_entity_policies') }}

),

final as (

    select
        entity_id,
        effective_from,
        {{ effective_until(['entity_id']) }} as effective_until,
        proration,
        rounding_unit_minor,
        progress_rounding,
        unit_price_rounding_minor,
        receivable_trigger,
        credit_without_cause,
        ssp_range_rule,
        missing_ssp,
        credit_reach,
        dispute_lost
    from policies

)

select * from final
