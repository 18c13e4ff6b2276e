{# Revenue a segment has earned by the end of day `through`: round(price x progress), closed form.

   Columns it reads: recognition_method, window_start_date, window_end_date (both inclusive, null while
   a point-in-time obligation waits for control to pass). ASC 606-10-25-31 (measure of progress). #}
{% macro earned_through(price, through, row) -%}
    case
        when {{ row }}.window_start_date is null or {{ through }} < {{ row }}.window_start_date then 0::bigint
        when {{ row }}.window_end_date is not null and {{ through }} >= {{ row }}.window_end_date then {{ price }}
        when {{ row }}.recognition_method = 'ratable_daily' then
            {{ round_ratio(
                price,
                '(' ~ through ~ ' - ' ~ row ~ '.window_start_date + 1)',
                '(' ~ row ~ '.window_end_date - ' ~ row ~ '.window_start_date + 1)'
            ) }}
        when {{ row }}.recognition_method = 'ratable_monthly' then
            {{ round_ratio(
                price,
                month_weight_through(row ~ '.window_start_date', row ~ '.window_end_date', through),
                '((' ~ month_weight_total(row ~ '.window_start_date', row ~ '.window_end_date') ~ ') * ' ~ days_in_month(through) ~ ')'
            ) }}
    end
{%- endmacro %}
