{# An average unit price, rounded half up to the policy's unit first; as it is where the policy has none. #}
{% macro rounded_unit_price(price, unit) -%}
    case when {{ unit }} is null then {{ price }} else round({{ price }} / {{ unit }}) * {{ unit }} end
{%- endmacro %}
