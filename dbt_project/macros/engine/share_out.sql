{# Split pool_minor over the rows of `source` in proportion to share_weight, to the last rounding unit.

   Each share is rounded half away from zero; what is left over goes to the largest share, on a tie to the
   obligation listed first (docs/decisions/0001). Where nothing weighs, the first takes it all.
   ASC 606-10-32-31. Reads pool_minor, share_weight, rounding_unit_minor, place; adds allocated_minor. #}
{% macro share_out(source, partition_by) -%}
    select
        rounded.*,
        (rounded.share_minor + case
            when rounded.listed_no = min(rounded.listed_no) filter (where rounded.is_largest) over (partition by {{ partition_by }})
                then rounded.pool_minor - sum(rounded.share_minor) over (partition by {{ partition_by }})
            else 0
        end)::bigint as allocated_minor
    from (
        select
            shared.*,
            abs(shared.share_minor) = max(abs(shared.share_minor)) over (partition by {{ partition_by }}) as is_largest
        from (
            select
                weighed.*,
                {{ round_to_unit(
                    'weighed.pool_minor',
                    'case when weighed.weight_total > 0 then weighed.share_weight when weighed.listed_no = 1 then 1::numeric else 0::numeric end',
                    'case when weighed.weight_total > 0 then weighed.weight_total else 1::numeric end',
                    'weighed.rounding_unit_minor'
                ) }} as share_minor
            from (
                select
                    priced.*,
                    sum(priced.share_weight::numeric) over (partition by {{ partition_by }}) as weight_total,
                    row_number() over (
                        partition by {{ partition_by }} order by priced.place asc, priced.obligation_id asc
                    ) as listed_no
                from ({{ source }}) as priced
            ) as weighed
        ) as shared
    ) as rounded
{%- endmacro %}
