{# Interest of loans that run in whole periods from their first day, compounded at the end of each period.
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

{# Part of one period between two days: by months where they are whole, else by days. #}
{% macro period_part(from_day, end_day, start, period_no, period_months) -%}
    case
        when ({{ from_day }} + make_interval(months => {{ month_index(end_day) }} - {{ month_index(from_day) }}))::date = {{ end_day }}
            then ({{ month_index(end_day) }} - {{ month_index(from_day) }})::numeric / {{ period_months }}
        else
            ({{ end_day }} - {{ from_day }})::numeric
            / ({{ period_start(start, period_no ~ ' + 1', period_months) }} - {{ period_start(start, period_no, period_months) }})
    end
{%- endmacro %}

{# What 1 lent from `from_day` on has become before `end_day`; the loan's periods run from `start`. #}
{% macro growth(rate, start, from_day, end_day, period_months) -%}
    {%- set period_rate = '(' ~ rate ~ ' * ' ~ period_months ~ ' / 12)' -%}
    {%- set first_no = whole_periods(start, from_day, period_months) -%}
    {%- set last_no = whole_periods(start, end_day, period_months) -%}
    case
        when {{ first_no }} = {{ last_no }}
            then 1 + {{ period_rate }} * {{ period_part(from_day, end_day, start, first_no, period_months) }}
        else
            (1 + {{ period_rate }} * {{ period_part(from_day, period_start(start, first_no ~ ' + 1', period_months), start, first_no, period_months) }})
            * power(1 + {{ period_rate }}, {{ last_no }} - {{ first_no }} - 1)
            * (1 + {{ period_rate }} * {{ period_part(period_start(start, last_no, period_months), end_day, start, last_no, period_months) }})
    end
{%- endmacro %}

{# What `count` equal instalments, each at the end of a period, are worth at the start. #}
{% macro present_value(instalment, rate, period_months, count) -%}
    ({{ instalment }} * (1 - power(1 + {{ rate }} * {{ period_months }} / 12, -{{ count }})) / nullif({{ rate }} * {{ period_months }} / 12, 0))
{%- endmacro %}
