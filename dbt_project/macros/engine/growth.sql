{# Parts of the interest of loans that run in whole periods from their first day, compounded at the end of each period.
   IFRS 15.60-65, ASC 606-10-32-15. Days are first days: an end is the day after the last one that counts. #}

{# Whole periods of `period_months` from `start` to before `end_day`. #}
{% macro whole_periods(start, end_day, period_months) -%}
    (({{ month_index(end_day) }} - {{ month_index(start) }}
        - case
            when ({{ start }} + make_interval(months => {{ month_index(end_day) }} - {{ month_index(start) }}))::date > {{ end_day }} then 1
            else 0
        end) / {{ period_months }})
{%- endmacro %}

{# First day of a period, counted from 0. #}
{% macro period_start(start, period_no, period_months) -%}
    ({{ start }} + make_interval(months => {{ period_months }} * ({{ period_no }})))::date
{%- endmacro %}

{# Part of the period from `first_day` to before `next_day` that lies between two days: by months where they
   are whole, else by days. #}
{% macro period_part(from_day, end_day, first_day, next_day, period_months) -%}
    case
        when ({{ from_day }} + make_interval(months => {{ month_index(end_day) }} - {{ month_index(from_day) }}))::date = {{ end_day }}
            then ({{ month_index(end_day) }} - {{ month_index(from_day) }})::numeric / {{ period_months }}
        else ({{ end_day }} - {{ from_day }})::numeric / ({{ next_day }} - {{ first_day }})
    end
{%- endmacro %}

{# What `count` equal instalments, each at the end of a period, are worth at the start. #}
{% macro present_value(instalment, rate, period_months, count) -%}
    ({{ instalment }} * (1 - power(1 + {{ rate }} * {{ period_months }} / 12, -{{ count }})) / nullif({{ rate }} * {{ period_months }} / 12, 0))
{%- endmacro %}
