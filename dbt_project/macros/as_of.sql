{# Only what was known: rows of the log up to the watermark REVENUE_AS_OF_SEQ, all of it by default. #}
{% macro known(column) -%}
    {{ column }} <= {{ env_var('REVENUE_AS_OF_SEQ', '9223372036854775807') }}
{%- endmacro %}
