with

source as (

    select * from {{ source('canonical', 'price_component') }}

),

events as (

    select event_id
    from {{ ref('stg_canonical__contract_events') }}

),

final as (

    select
        source.event_id,
        source.component_no,
        source.component_id,
        source.component_kind,
        source.potential_minor,
        source.estimate_minor,
        source.method,
        source.outcome_amounts_minor,
        source.outcome_probabilities,
        source.allocate_to,
        source.threshold_quantity,
        source.unit_price_after_minor,
        source.tier_up_to,
        source.tier_unit_prices_minor,
        source.expected_quantity,
        source.expected_returns
    from source
    inner join events on source.event_id = events.event_id

)

select * from final
