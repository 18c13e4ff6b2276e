{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

source as (

    select * from {{ ref('int_obligations__segments') }}

),

kinds as (

    select * from {{ ref('int_obligations__kinds') }}

),

final as (

    select
        source.segment_id,
        source.entity_id,
        source.performing_entity_id,
        source.arrangement_id,
        source.package_id,
        source.contract_id,
        source.contract_version,
        source.term_no,
        source.obligation_id,
        source.obligation_key,
        source.currency_code,
        source.recognition_method,
        source.revenue_role,
        source.rounding_unit_minor,
        source.progress_rounding::numeric as progress_rounding,
        source.unit_price_rounding_minor::numeric as unit_price_rounding_minor,
        source.in_force_from,
        source.until_date,
        source.effective_date,
        source.window_start_date,
        source.window_end_date,
        source.measure_before::numeric as measure_before,
        source.segment_no,
        source.cut_date,
        source.price_mode,
        source.is_over,
        source.is_later,
        source.base_minor,
        source.price_minor,
        source.allocated_minor,
        source.released_to_date_minor,
        source.ends_before_date,
        not kinds.is_excluded_from_rpo and not kinds.is_priced_by_use as is_in_rpo
    from source
    inner join kinds
        on source.entity_id = kinds.entity_id and source.obligation_id = kinds.obligation_id

)

select * from final
