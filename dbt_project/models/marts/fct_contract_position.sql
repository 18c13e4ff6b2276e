{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

-- Of a contract liability, what the next twelve months do not release by time is non-current (IAS 1.69(d)): the first
-- revenue uses it up first. What has no date yet may come any day, and a contract asset belongs to the normal
-- operating cycle (IAS 1.68): both are current.

with

source as (

    select * from {{ ref('int_positions__period_ends') }}

),

released as (

    select
        coalesce(performing_entity_id, entity_id) as entity_id,
        arrangement_id,
        currency_code,
        as_of_date,
        sum(amount_minor)::bigint as amount_minor
    from {{ ref('int_obligations__remaining') }}
    where expected_period is null or expected_period <= as_of_date + interval '12 months'
    group by coalesce(performing_entity_id, entity_id), arrangement_id, currency_code, as_of_date

),

dated as (

    select distinct
        coalesce(performing_entity_id, entity_id) as entity_id,
        arrangement_id,
        currency_code,
        as_of_date
    from {{ ref('int_obligations__remaining') }}
    where expected_period > as_of_date + interval '12 months'

),

split as (

    select
        source.*,
        -- Nothing is non-current that no later month will earn.
        case
            when dated.as_of_date is null then 0::bigint
            else greatest(source.contract_liability_minor - greatest(coalesce(released.amount_minor, 0), 0), 0)
        end as noncurrent_minor
    from source
    left join released
        on
            source.entity_id = released.entity_id
            and source.arrangement_id = released.arrangement_id
            and source.currency_code = released.currency_code
            and source.period_end_date = released.as_of_date
    left join dated
        on
            source.entity_id = dated.entity_id
            and source.arrangement_id = dated.arrangement_id
            and source.currency_code = dated.currency_code
            and source.period_end_date = dated.as_of_date

),

final as (

    select
        entity_id,
        arrangement_id as contract_id,
        currency_code,
        period_start_date,
        period_end_date,
        billed_minor,
        recognized_minor,
        receivable_minor,
        contract_asset_minor,
        contract_liability_minor,
        contract_liability_minor - noncurrent_minor as contract_liability_current_minor,
        noncurrent_minor as contract_liability_noncurrent_minor
    from split

)

select * from final
