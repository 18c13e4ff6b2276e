{# Schemas keep the same name in every environment: asset keys and lineage must not move
   between them. Environments are separate databases. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
