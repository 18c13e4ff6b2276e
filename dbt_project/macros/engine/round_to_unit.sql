{# amount x numerator / denominator, rounded half away from zero to a multiple of `unit` minor units.

   As round_ratio, for books kept in whole units: the unit is a policy of the entity. #}
{% macro round_to_unit(amount, numerator, denominator, unit) -%}
    ({{ unit }} * sign({{ amount }}) * div(
        2 * abs({{ amount }})::numeric * ({{ numerator }}) + ({{ denominator }}) * {{ unit }}, 2 * ({{ denominator }})::numeric * {{ unit }}
    ))::bigint
{%- endmacro %}

{# A numeric amount rounded half away from zero to a multiple of `unit` minor units. #}
{% macro in_units(amount, unit) -%}
    (round(({{ amount }}) / {{ unit }}) * {{ unit }})
{%- endmacro %}
