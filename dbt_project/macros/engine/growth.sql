{# What 1 becomes from the start of day `first_day` to the end of day `through` at `rate` a year, compounded
   every `period_months`. A period that is not over counts by its days. IFRS 15.60-65, ASC 606-10-32-15. #}
{% macro whole_periods(first_day, through, period_months) -%}
    ((extract(year from age(({{ through }} + 1)::timestamp, {{ first_day }}::timestamp))::integer * 12
        + extract(month from age(({{ through }} + 1)::timestamp, {{ first_day }}::timestamp))::integer) / {{ period_months }})
{%- endmacro %}

{% macro growth(rate, first_day, through, period_months) -%}
    (
        power(1 + {{ rate }} * {{ period_months }} / 12, {{ whole_periods(first_day, through, period_months) }})
        * (
            1 + {{ rate }} * {{ period_months }} / 12
            * (({{ through }} + 1) - ({{ first_day }} + make_interval(months => {{ period_months }} * {{ whole_periods(first_day, through, period_months) }}))::date)::numeric
            / (
                ({{ first_day }} + make_interval(months => {{ period_months }} * ({{ whole_periods(first_day, through, period_months) }} + 1)))::date
                - ({{ first_day }} + make_interval(months => {{ period_months }} * {{ whole_periods(first_day, through, period_months) }}))::date
            )
        )
    )
{%- endmacro %}
