{# Policy rows hold from their first day until the next row of the same key: first day on which a row no longer
   holds, null for the last one. #}
{% macro effective_until(keys) -%}
    lead(effective_from) over (partition by {{ keys | join(', ') }} order by effective_from)
{%- endmacro %}

{# Whether a policy row holds on a day. #}
{% macro in_force(policy, day) -%}
    {{ day }} >= {{ policy }}.effective_from
    and {{ day }} < coalesce({{ policy }}.effective_until, 'infinity'::date)
{%- endmacro %}
