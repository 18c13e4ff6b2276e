-- Who performs for another entity recognises on the ends of that entity's periods: both keep the same calendar.
{{ config(meta={'dagster': {'ref': {'name': 'fct_performance_obligation'}}}) }}

select distinct
    obligations.entity_id,
    obligations.performing_entity_id
from {{ ref('fct_performance_obligation') }} as obligations
left join {{ ref('ref_calendars') }} as own on obligations.entity_id = own.entity_id
left join {{ ref('ref_calendars') }} as others on obligations.performing_entity_id = others.entity_id
where
    (own.week_pattern, own.year_end_month, own.year_end_weekday, own.year_end_rule)
    is distinct from (others.week_pattern, others.year_end_month, others.year_end_weekday, others.year_end_rule)
