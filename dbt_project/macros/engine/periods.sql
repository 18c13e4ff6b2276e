{# Accounting periods (int_periods__calendar). Most entities keep books by calendar months, where a date says its period;
   of the others int_periods__days says it, and has no rows for any other. One look-up by key, however many rows ask.
   Its columns have names of their own, so that `entity_id` and `day` may be those of a select from one table. #}

{# First day of the period in whose books `day` lies. #}
{% macro period_of(entity_id, day) -%}
    coalesce(
        (select starts_on from {{ ref('int_periods__days') }} where books_of = {{ entity_id }} and calendar_date = {{ day }}),
        date_trunc('month', {{ day }})::date
    )
{%- endmacro %}

{# Last day of the period in whose books `day` lies. #}
{% macro period_end_of(entity_id, day) -%}
    coalesce(
        (select ends_on from {{ ref('int_periods__days') }} where books_of = {{ entity_id }} and calendar_date = {{ day }}),
        (date_trunc('month', {{ day }}) + interval '1 month' - interval '1 day')::date
    )
{%- endmacro %}
