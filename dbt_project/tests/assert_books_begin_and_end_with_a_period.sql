-- First and last period of an entity's books are first days of periods of its calendar.
{{ config(meta={'dagster': {'ref': {'name': 'dim_period'}}}) }}

select
    entities.entity_id,
    books.period_start_date
from {{ ref('ref_legal_entities') }} as entities
cross join lateral (values (entities.first_period), (entities.last_period)) as books (period_start_date)
left join {{ ref('dim_period') }} as periods
    on entities.entity_id = periods.entity_id and books.period_start_date = periods.period_start_date
where periods.entity_id is null
