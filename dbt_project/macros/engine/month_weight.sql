{# Progress by month through the day `through` of a window, as exact integers.

   A full calendar month weighs 1, a partial month at either end weighs days / days in that month.
   Everything is multiplied by (days in first month) x (days in last month) x (days in the month of
   `through`), so no fraction appears. `through` lies inside the window. #}
{% macro days_in_month(day) -%}
    extract(day from date_trunc('month', {{ day }}) + interval '1 month' - interval '1 day')::int
{%- endmacro %}

{% macro month_index(day) -%}
    (extract(year from {{ day }})::int * 12 + extract(month from {{ day }})::int)
{%- endmacro %}

{% macro month_weight_total(first_day, last_day) -%}
    case
        when {{ month_index(first_day) }} = {{ month_index(last_day) }}
            then ({{ last_day }} - {{ first_day }} + 1)::numeric
        else
            (({{ days_in_month(first_day) }} - extract(day from {{ first_day }})::int + 1) * {{ days_in_month(last_day) }}
                + ({{ month_index(last_day) }} - {{ month_index(first_day) }} - 1) * {{ days_in_month(first_day) }} * {{ days_in_month(last_day) }}
                + extract(day from {{ last_day }})::int * {{ days_in_month(first_day) }})::numeric
    end
{%- endmacro %}

{# Weight through `through`, times days in the month of `through`; divide by total x the same. #}
{% macro month_weight_through(first_day, last_day, through) -%}
    case
        when {{ month_index(first_day) }} = {{ month_index(last_day) }}
            then (({{ through }} - {{ first_day }} + 1) * {{ days_in_month(through) }})::numeric
        when {{ month_index(through) }} = {{ month_index(first_day) }}
            then (({{ through }} - {{ first_day }} + 1) * {{ days_in_month(last_day) }} * {{ days_in_month(through) }})::numeric
        else
            (({{ days_in_month(first_day) }} - extract(day from {{ first_day }})::int + 1) * {{ days_in_month(last_day) }} * {{ days_in_month(through) }}
                + ({{ month_index(through) }} - {{ month_index(first_day) }} - 1) * {{ days_in_month(first_day) }} * {{ days_in_month(last_day) }} * {{ days_in_month(through) }}
                + extract(day from {{ through }})::int * {{ days_in_month(first_day) }} * {{ days_in_month(last_day) }})::numeric
    end
{%- endmacro %}
