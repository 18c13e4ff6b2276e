{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

source as (

    select * from {{ ref('int_obligations__segments') }}

),

final as (

    select
        segment_id,
        entity_id,
        performing_entity_id,
        arrangement_id,
        package_id,
        contract_id,
        contract_version,
        term_no,
        obligation_id,
        obligation_key,
        currency_code,
        recognition_method,
        revenue_role,
        rounding_unit_minor,
        progress_rounding::numeric as progress_rounding,
        unit_price_rounding_minor::numeric as unit_price_rounding_minor,
        in_force_from,
        until_date,
        effective_date,
        window_start_date,
        window_end_date,
        measure_before::numeric as measure_before,
        segment_no,
        cut_date,
        price_mode,
        is_over,
        is_later,
        base_minor,
        price_minor,
        allocated_minor,
        released_to_date_minor,
        ends_before_date
    from source

)

select * from final
