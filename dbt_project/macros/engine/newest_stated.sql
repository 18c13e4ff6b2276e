{# The newest value of a column that is not null, in the order of the window `to_date`. #}
{% macro newest_stated(column) -%}
    (array_agg({{ column }}) filter (where {{ column }} is not null) over to_date)[
        count(*) filter (where {{ column }} is not null) over to_date
    ]
{%- endmacro %}
