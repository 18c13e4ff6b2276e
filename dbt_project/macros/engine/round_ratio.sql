{# amount x numerator / denominator, rounded half away from zero, in exact integers.

   numeric division rounds once to its own scale and round() a second time, so a share just below
   one half could be lifted; div() on integers cannot (docs/decisions/0002). numerator >= 0,
   denominator > 0; products beyond 2^63 are safe because numeric carries them. #}
{% macro round_ratio(amount, numerator, denominator) -%}
    (sign({{ amount }}) * div(2 * abs({{ amount }})::numeric * ({{ numerator }}) + ({{ denominator }}), 2 * ({{ denominator }})::numeric))::bigint
{%- endmacro %}
