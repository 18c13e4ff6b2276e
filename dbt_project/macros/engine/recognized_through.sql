{# Revenue of a segment by the end of day `through`: base + round(price x progress), in closed form.

   `step` is the row of int_progress__steps in force that day (measure, total, set_aside_minor; null where
   nothing was measured). Materials set aside are recognised at cost (ASC 606-10-55-21). #}
{% macro recognized_through(segment, through, step) -%}
    {%- set numerator = progress_numerator(segment, through, step ~ '.measure', step ~ '.total', segment ~ '.measure_before', 'false') -%}
    {%- set denominator = progress_denominator(segment, through, step ~ '.measure', step ~ '.total', segment ~ '.measure_before', 'false') -%}
    ({{ segment }}.base_minor + case
        when {{ numerator }} >= {{ denominator }} then {{ segment }}.price_minor
        -- An average price per unit is rounded first where the policy says so.
        when {{ segment }}.unit_price_rounding_minor is not null and {{ segment }}.recognition_method = 'point_in_time'
            then {{ round_to_unit(
                rounded_unit_price(segment ~ '.price_minor / (' ~ denominator ~ ')', segment ~ '.unit_price_rounding_minor'),
                numerator, '1', segment ~ '.rounding_unit_minor'
            ) }}
        else
            least(coalesce({{ step }}.set_aside_minor, 0), greatest({{ segment }}.price_minor, 0))
            + {{ round_to_unit(
                '(' ~ segment ~ '.price_minor - least(coalesce(' ~ step ~ '.set_aside_minor, 0), greatest(' ~ segment ~ '.price_minor, 0)))',
                numerator, denominator, segment ~ '.rounding_unit_minor'
            ) }}
    end)
{%- endmacro %}
