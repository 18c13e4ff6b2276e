with

segments as (

    select * from {{ ref('int_obligations__segments') }}

),

scheduled as (

    select
        entity_id,
        obligation_id,
        sum(recognized_minor)::bigint as scheduled_minor
    from {{ ref('int_revenue__scheduled') }}
    where component <> 'usage'
    group by entity_id, obligation_id

),

obligations as (

    select
        entity_id,
        contract_id,
        obligation_id,
        min(obligation_key) as obligation_key,
        min(currency_code) as currency_code,
        (
            array_agg(recognition_method order by contract_version desc, term_no desc)
            filter (where component = 'fixed')
        )[1
        ] as recognition_method,
        (
            array_agg(revenue_role order by contract_version desc, term_no desc)
            filter (where component = 'fixed')
        )[1
        ] as revenue_role,
        min(window_start_date) as service_start_date,
        max(least(window_end_date, cut_date - 1)) as service_end_date,
        sum(price_minor)::bigint as allocated_minor,
        coalesce(sum(price_minor) filter (where window_start_date is null), 0)::bigint as pending_minor
    from segments
    group by entity_id, contract_id, obligation_id

),

final as (

    select
        obligations.obligation_id,
        obligations.entity_id,
        obligations.contract_id,
        obligations.obligation_key,
        obligations.currency_code,
        obligations.recognition_method,
        obligations.revenue_role,
        obligations.service_start_date,
        obligations.service_end_date,
        obligations.allocated_minor,
        obligations.pending_minor,
        coalesce(scheduled.scheduled_minor, 0)::bigint as scheduled_minor
    from obligations
    left join scheduled
        on obligations.entity_id = scheduled.entity_id and obligations.obligation_id = scheduled.obligation_id

)

select * from final
