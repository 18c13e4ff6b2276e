-- The same segments for the same company, by hand: no options, no estimates, no steps, three lines of one method
-- each, at most one amendment and one termination. What a general engine costs is measured against it.
create table floor_segments as
with lines as (
    select
        e.entity_id, e.contract_id, e.contract_version, e.effective_date, e.currency_code::text as currency_code,
        l.line_no, l.line_id, l.amount_minor, l.ssp_minor,
        greatest(l.service_start_date, date '1900-01-01') as start_date, l.service_end_date as end_date,
        l.product_code = 'PLATFORM_MONTHLY' as by_month,
        case l.product_code when 'SUPPORT' then 'support_revenue' else 'subscription_revenue' end as revenue_role
    from canonical.contract_event as e
    join canonical.contract_line as l using (event_id)
),
first_shares as (
    select *, sum(amount_minor) over c as price, sum(ssp_minor) over c as whole,
        round(sum(amount_minor) over c * ssp_minor / sum(ssp_minor) over c)::bigint as share
    from lines where contract_version = 1 window c as (partition by contract_id)
),
firsts as (
    select *, (share + case when row_number() over (partition by contract_id order by share desc, line_no) = 1
        then price - sum(share) over (partition by contract_id) else 0 end)::bigint as allocated
    from first_shares
),
cuts as (
    select contract_id, effective_date as cut_date, event_type = 'contract.terminated' as is_over
    from canonical.contract_event where contract_version > 1
),
measured as (
    select f.*, c.cut_date, c.is_over,
        extract(day from date_trunc('month', f.start_date) + interval '1 month - 1 day')::bigint as first_month,
        extract(day from f.start_date)::bigint as first_day,
        extract(day from date_trunc('month', c.cut_date - 1) + interval '1 month - 1 day')::bigint as last_month,
        extract(day from c.cut_date - 1)::bigint as last_day,
        ((extract(year from c.cut_date - 1) - extract(year from f.start_date)) * 12
            + extract(month from c.cut_date - 1) - extract(month from f.start_date))::bigint as months
    from firsts as f left join cuts as c using (contract_id)
),
earned as (
    select *, case
        when cut_date is null then null
        when by_month then (
            2 * allocated * (
                (months - 1) * first_month * last_month + (first_month - first_day + 1) * last_month + last_day * first_month
            ) + 12 * first_month * last_month
        ) / (24 * first_month * last_month)
        else (2 * allocated * (cut_date - start_date) + (end_date - start_date + 1)) / (2 * (end_date - start_date + 1))
    end as earned
    from measured
),
pools as (
    select e.*, l.ssp_minor as rest_ssp, sum(e.allocated - e.earned) over c + sum(l.amount_minor) over c - e.price as pool,
        sum(l.ssp_minor) over c as rest_whole
    from earned as e join lines as l using (contract_id, line_no)
    where not e.is_over and l.contract_version = 2
    window c as (partition by e.contract_id)
),
shares as (select *, round(pool * rest_ssp / rest_whole)::bigint as rest from pools),
segments as (
    select entity_id, contract_id, line_id, currency_code, by_month, revenue_role, 1 as version, start_date as from_date,
        cut_date as until_date, start_date as window_start, end_date, 'start' as price_mode, false as is_over,
        0::bigint as base_minor, allocated as price_minor
    from earned
    union all
    select entity_id, contract_id, line_id, currency_code, by_month, revenue_role, 2, cut_date, null, cut_date, end_date, 'repool', false,
        earned, rest + case
            when row_number() over (partition by contract_id order by rest desc, line_no) = 1
                then pool - sum(rest) over (partition by contract_id) else 0 end
    from shares
    union all
    select entity_id, contract_id, line_id, currency_code, by_month, revenue_role, 2, cut_date, null, cut_date, end_date, 'terminate', true,
        earned, 0
    from earned where is_over
)
select
    contract_id || ':' || line_id || ':' || version as segment_id, entity_id, entity_id as performing_entity_id,
    contract_id as arrangement_id, contract_id as package_id, contract_id, version as contract_version, 1 as term_no,
    contract_id || ':' || line_id as obligation_id, line_id as obligation_key, currency_code,
    case when by_month then 'ratable_monthly' else 'ratable_daily' end as recognition_method, revenue_role,
    1::bigint as rounding_unit_minor, null::numeric as progress_rounding, null::numeric as unit_price_rounding_minor,
    from_date as in_force_from, until_date, from_date as effective_date, window_start as window_start_date,
    end_date as window_end_date, 0::numeric as measure_before, version as segment_no, until_date as cut_date, price_mode,
    is_over, version > 1 as is_later, base_minor, price_minor::bigint as price_minor,
    (base_minor + price_minor)::bigint as allocated_minor, 0::bigint as released_to_date_minor, null::date as ends_before_date,
    true as is_in_rpo
from segments;
create index on floor_segments (contract_id);
analyze floor_segments;
