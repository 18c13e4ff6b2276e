{# Only what was known: rows of the log up to the watermark REVENUE_AS_OF_SEQ, all of it by default, that this derive saw
   when it began. #}
{% macro known(source) -%}
    {{ source }}.known_seq <= {{ env_var('REVENUE_AS_OF_SEQ', '9223372036854775807') }}
    and (
        (select reach.known_in from derivation.reach) is null
        or pg_visible_in_snapshot({{ source }}.written_in, (select reach.known_in from derivation.reach))
    )
{%- endmacro %}
