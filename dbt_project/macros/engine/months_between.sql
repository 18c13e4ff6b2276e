{# Months from first_day to last_day, both inclusive; a partial month counts its days over the days it has. #}
{% macro months_between(first_day, last_day) -%}
    (
        {{ month_weight_total(first_day, last_day) }}
        / case
            when {{ month_index(first_day) }} = {{ month_index(last_day) }} then {{ days_in_month(first_day) }}
            else {{ days_in_month(first_day) }} * {{ days_in_month(last_day) }}
        end
    )
{%- endmacro %}
