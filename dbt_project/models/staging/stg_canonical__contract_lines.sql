with

source as (

    select * from {{ source('canonical', 'contract_line') }}

),

events as (

    select event_id
    from {{ ref('stg_canonical__contract_events') }}

),

final as (

    select
        source.event_id,
        source.line_no,
        source.line_id,
        source.obligation_key,
        source.product_code,
        source.quantity,
        source.amount_minor,
        source.ssp_minor,
        source.service_start_date,
        source.service_end_date,
        source.price_ref,
        source.usage_meter,
        source.unit_price_minor,
        source.included_quantity,
        source.line_action,
        source.line_kind,
        source.line_currency_code::text as line_currency_code,
        source.recognition_method,
        source.ssp_basis,
        source.ssp_low_minor,
        source.ssp_high_minor,
        source.unit_cost_minor,
        source.performing_entity_id,
        source.is_agent,
        source.commission_rate,
        source.is_capable_of_being_distinct,
        source.is_separately_identifiable,
        source.combines_with,
        source.royalty_rate,
        source.minimum_per_quarter_minor,
        source.units_purchased,
        source.expected_units,
        source.breakage,
        source.expires_date,
        source.progress_measure,
        source.expected_costs_minor,
        source.option_measurement,
        source.option_discount_rate,
        source.option_general_discount_rate,
        source.option_expected_purchase_minor,
        source.option_exercise_probability,
        source.option_exercise_price_minor,
        source.option_target_ssp_minor,
        source.renewals_expected,
        source.renewal_price_minor,
        source.renewal_periods,
        source.renewal_probabilities,
        source.renewal_considerations_minor,
        source.renewal_costs_minor,
        source.remaining_amount_minor,
        source.remaining_ssp_minor,
        source.is_excluded_from_rpo
    from source
    inner join events on source.event_id = events.event_id

)

select * from final
