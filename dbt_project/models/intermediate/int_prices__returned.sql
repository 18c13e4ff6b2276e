-- What was credited for goods that came back, by line and day: the credit notes of a contract whose returns
-- are estimated, on the line they name, else on its first good.

with

returnable as (

    select distinct
        events.entity_id,
        events.contract_id
    from {{ ref('stg_canonical__price_components') }} as components
    inner join {{ ref('stg_canonical__contract_events') }} as events on components.event_id = events.event_id
    where components.component_kind = 'returns'

),

first_goods as (

    select distinct on (events.entity_id, events.contract_id)
        events.entity_id,
        events.contract_id,
        lines.line_id
    from {{ ref('stg_canonical__contract_lines') }} as lines
    inner join {{ ref('stg_canonical__contract_events') }} as events on lines.event_id = events.event_id
    where lines.line_kind = 'good_or_service' and lines.line_action in ('stated', 'added')
    order by events.entity_id asc, events.contract_id asc, events.effective_date asc, lines.line_no asc

),

voided as (

    select distinct
        entity_id,
        credit_id
    from {{ ref('stg_canonical__credit_events') }}
    where event_type = 'credit.voided'

),

final as (

    select
        credits.entity_id,
        credits.contract_id,
        coalesce(details.contract_line_id, first_goods.line_id) as line_id,
        credits.issued_date as economic_date,
        sum(coalesce(details.amount_minor, credits.amount_minor))::bigint as amount_minor
    from {{ ref('stg_canonical__credit_events') }} as credits
    inner join returnable
        on credits.entity_id = returnable.entity_id and credits.contract_id = returnable.contract_id
    inner join first_goods
        on credits.entity_id = first_goods.entity_id and credits.contract_id = first_goods.contract_id
    left join {{ ref('stg_canonical__credit_lines') }} as details on credits.event_id = details.event_id
    left join voided
        on credits.entity_id = voided.entity_id and credits.credit_id = voided.credit_id
    where credits.event_type = 'credit.issued' and voided.credit_id is null
    group by
        credits.entity_id, credits.contract_id, coalesce(details.contract_line_id, first_goods.line_id),
        credits.issued_date

)

select * from final
