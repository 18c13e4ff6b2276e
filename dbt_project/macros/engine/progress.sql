{# How far a segment has come by the end of day `through`, as numerator and denominator (0 <= n <= d, d > 0).

   Ratable: days, or months with partial months by day, inside the window; where a change finds the service over,
   the window is empty and the segment done. Everything else: what was
   measured in the segment of what was then expected in it, rounded to progress_rounding where the policy
   says so. ASC 606-10-25-31 to 25-37. Columns read of `row`: recognition_method, window_start_date,
   window_end_date, progress_rounding. #}
{% macro progress_numerator(row, through, measure, total, before, is_gated) -%}
    case
        when {{ through }} is null or {{ is_gated }} then 0::numeric
        when {{ row }}.recognition_method in ('ratable_daily', 'ratable_monthly') then
            case
                when {{ row }}.window_start_date is null or {{ row }}.window_end_date is null then 0::numeric
                when {{ through }} >= {{ row }}.window_end_date then 1::numeric
                when {{ through }} < {{ row }}.window_start_date then 0::numeric
                when {{ row }}.recognition_method = 'ratable_daily' then ({{ through }} - {{ row }}.window_start_date + 1)::numeric
                else {{ month_weight_through(row ~ '.window_start_date', row ~ '.window_end_date', through) }}
            end
        when {{ measure }} is null then 0::numeric
        when {{ measure }} >= {{ total }} then 1::numeric
        when {{ measure }} <= {{ before }} then 0::numeric
        when {{ row }}.progress_rounding is not null then
            round(({{ measure }} - {{ before }}) / ({{ total }} - {{ before }}) / {{ row }}.progress_rounding) * {{ row }}.progress_rounding
        else {{ measure }} - {{ before }}
    end
{%- endmacro %}

{% macro progress_denominator(row, through, measure, total, before, is_gated) -%}
    case
        when {{ through }} is null or {{ is_gated }} then 1::numeric
        when {{ row }}.recognition_method in ('ratable_daily', 'ratable_monthly') then
            case
                when {{ row }}.window_start_date is null or {{ row }}.window_end_date is null then 1::numeric
                when {{ through }} >= {{ row }}.window_end_date then 1::numeric
                when {{ through }} < {{ row }}.window_start_date then 1::numeric
                when {{ row }}.recognition_method = 'ratable_daily'
                    then ({{ row }}.window_end_date - {{ row }}.window_start_date + 1)::numeric
                else
                    ({{ month_weight_total(row ~ '.window_start_date', row ~ '.window_end_date') }}) * {{ days_in_month(through) }}
            end
        when {{ measure }} is null or {{ measure }} <= {{ before }} or {{ measure }} >= {{ total }} then 1::numeric
        when {{ row }}.progress_rounding is not null then 1::numeric
        else {{ total }} - {{ before }}
    end
{%- endmacro %}
