{# Split pool_minor over the rows of `source`, in proportion to weight_minor, to the last minor unit.

   Each share is rounded half away from zero; what is left over goes to the largest share, on a tie to
   the line listed first (docs/decisions/0001). Where nothing weighs, the first row takes it all.
   ASC 606-10-32-31. Adds earned_at_cut_minor: what the share has earned the day before until_date. #}
{% macro allocate_shares(source, partition_by) -%}
    select
        shared.*,
        case when shared.until_date is null then 0::bigint
            else {{ earned_through('shared.allocated_minor', '(shared.until_date - 1)', 'shared') }}
        end as earned_at_cut_minor
    from (
        select
            rounded.*,
            (rounded.share_minor + case
                when
                    row_number() over (
                        partition by {{ partition_by }}
                        order by abs(rounded.share_minor) desc, rounded.line_order asc, rounded.obligation_key asc
                    ) = 1
                    then rounded.pool_minor - sum(rounded.share_minor) over (partition by {{ partition_by }})
                else 0
            end)::bigint as allocated_minor
        from (
            select
                weighed.*,
                {{ round_ratio(
                    'weighed.pool_minor',
                    'case when weighed.weight_total > 0 then weighed.weight_minor::numeric when weighed.is_first then 1::numeric else 0::numeric end',
                    'case when weighed.weight_total > 0 then weighed.weight_total else 1::numeric end'
                ) }} as share_minor
            from (
                select
                    priced.*,
                    sum(priced.weight_minor::numeric) over (partition by {{ partition_by }}) as weight_total,
                    row_number() over (
                        partition by {{ partition_by }} order by priced.line_order asc, priced.obligation_key asc
                    ) = 1 as is_first
                from ({{ source }}) as priced
            ) as weighed
        ) as rounded
    ) as shared
{%- endmacro %}
