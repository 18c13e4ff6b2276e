{# What this derive derives (docs/decisions/0010). derivation.scope holds the contracts and what belongs to them;
   revenue_pipeline/derivation/scope.py fills it. A full derive reads past it. #}

{# Whether this derive is a full one. Asked when a statement is made, so that a parsed project serves both. #}
{% macro derives_everything() -%}
    {%- if not execute -%}
        {{ return(true) }}
    {%- endif -%}
    {{ return(run_query('select mode from derivation.reach').columns[0].values()[0] == 'full') }}
{%- endmacro %}

{# Joins rows of `source` to the scope. `kind` and `key`: what of a row stands there. #}
{% macro in_scope(source, kind='contract', key='contract_id') -%}
    {%- if not derives_everything() -%}
    inner join derivation.scope as in_scope
        on
            {{ source }}.entity_id = in_scope.entity_id
            and in_scope.kind = '{{ kind }}'
            and {{ source }}.{{ key }} = in_scope.key
    {%- endif -%}
{%- endmacro %}

{# Staging: all rows through a view in a full derive, else a table of those in scope. #}
{% materialization working_set, adapter='postgres' %}
    {% if derives_everything() %}
        {{ return(dbt.materialization_view_default()) }}
    {% else %}
        {{ return(dbt.materialization_table_default()) }}
    {% endif %}
{% endmaterialization %}

{# The planner has to know how few there are. #}
{% macro analyze_working_set() -%}
    {%- if not derives_everything() -%}
    analyze {{ this }}
    {%- endif -%}
{%- endmacro %}

{# A mart of which a little changed keeps its statistics; autovacuum follows. #}
{% macro analyze_mart() -%}
    {%- if not is_incremental() or derives_everything() -%}
    analyze {{ this }}
    {%- endif -%}
{%- endmacro %}

{# Takes what this derive derives anew out of a mart, in the transaction that adds the new rows. A contract that
   derives to nothing now leaves nothing behind. meta.scope_key: column of the contract, where it has another name;
   meta.loose_rows: which rows name no contract. #}
{% macro forget_scope() -%}
    {%- if flags.FULL_REFRESH and not derives_everything() -%}
        {{ exceptions.raise_compiler_error('a full refresh in an incremental derive would lose every contract but its own') }}
    {%- endif -%}
    {%- if is_incremental() and derives_everything() -%}
        delete from {{ this }}
    {%- elif is_incremental() -%}
        {%- set meta = model.config.meta -%}
        delete from {{ this }} as mart
        using derivation.scope
        where
            scope.kind = 'contract'
            and mart.entity_id = scope.entity_id
            and mart.{{ meta.get('scope_key', 'contract_id') }} = scope.key;
        {% if meta.get('loose_rows') == 'usage' -%}
            delete from {{ this }} as mart
            using derivation.scope
            where
                scope.kind = 'customer'
                and mart.contract_id is null
                and mart.entity_id = scope.entity_id
                and mart.customer_id = scope.key
        {%- elif meta.get('loose_rows') == 'exceptions' -%}
            delete from {{ this }} as mart
            using derivation.scope
            where
                mart.contract_id is null
                and mart.entity_id = scope.entity_id
                and case
                    when mart.subject_type in ('usage', 'usage_id') then scope.kind = 'customer' and mart.customer_id = scope.key
                    else scope.kind = 'document' and mart.subject_id = scope.key
                end
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# dbt started by hand, past revenue_pipeline/derivation/scope.py: all of the project is a full derive; a part of it goes on
   with the last scope. Either way the next planned derive is full. Planned derives hold the lock. #}
{% macro note_derive_by_hand() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed') -%}
        {%- set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | map(attribute='unique_id') | list -%}
        {%- set is_whole = models | reject('in', selected_resources) | list | length == 0 -%}
        insert into derivation.run
        (mode, reason, known_in, changed_from, as_of_seq, project_hash, contract_count, changed_count)
        select
            {% if is_whole %}'full'{% else %}reach.mode{% endif %}, 'by hand',
            {% if is_whole %}null{% else %}reach.known_in{% endif %}, '0'::xid8, 0, 'by hand', 0, 0
        from derivation.reach
        where not exists (
            select 1 from pg_locks
            where locktype = 'advisory' and classid = 1094 and objid = 8811 and database = (
                select oid from pg_database where datname = current_database()
            )
        )
    {%- endif -%}
{%- endmacro %}
