-- The same segments for the same company, by hand: no options, no estimates, no steps, three lines of one method
-- each, at most one amendment and one termination. What a general engine costs is measured against it.
create table floor_segments as
with lines as (
    select
        e.contract_id, e.contract_version, e.effective_date, l.line_no, l.line_id, l.amount_minor, l.ssp_minor,
        l.service_start_date as start_date, l.service_end_date as end_date,
        l.product_code = 'PLATFORM_MONTHLY' as by_month
    from canonical.contract_event as e
    join canonical.contract_line as l using (event_id)
),
first_shares as (
    select *, sum(amount_minor) over c as price, sum(ssp_minor) over c as whole,
        round(sum(amount_minor) over c * ssp_minor / sum(ssp_minor) over c)::bigint as share
    from lines where contract_version = 1 window c as (partition by contract_id)
),
firsts as (
    select *, share + case when row_number() over (partition by contract_id order by share desc, line_no) = 1
        then price - sum(share) over (partition by contract_id) else 0 end as allocated
    from first_shares
),
cuts as (
    select contract_id, effective_date as cut_date, event_type, contract_version
    from canonical.contract_event where contract_version > 1
),
earned as (
    select f.contract_id, f.line_no, f.line_id, f.allocated, f.start_date, f.end_date, f.by_month, f.price,
        c.cut_date, c.contract_version, c.event_type,
        case when c.cut_date is null then null
            when f.by_month then round(f.allocated * ((
                (extract(year from c.cut_date - 1) - extract(year from f.start_date)) * 12
                + extract(month from c.cut_date - 1) - extract(month from f.start_date) - 1)
                + (extract(day from date_trunc('month', f.start_date) + interval '1 month - 1 day') - extract(day from f.start_date) + 1)
                    / extract(day from date_trunc('month', f.start_date) + interval '1 month - 1 day')
                + extract(day from c.cut_date - 1) / extract(day from date_trunc('month', c.cut_date - 1) + interval '1 month - 1 day')
            ) / 12)::bigint
            else round(f.allocated * (c.cut_date - f.start_date)::numeric / (f.end_date - f.start_date + 1))::bigint
        end as earned
    from firsts as f left join cuts as c using (contract_id)
),
pools as (
    select e.*, l.ssp_minor, sum(e.allocated - e.earned) over c + sum(l.amount_minor) over c - e.price as pool,
        sum(l.ssp_minor) over c as whole
    from earned as e join lines as l using (contract_id, line_no)
    where e.contract_version = 2 and l.contract_version = 2
    window c as (partition by e.contract_id)
),
shares as (select *, round(pool * ssp_minor / whole)::bigint as share from pools)
select contract_id, line_id, 1 as version, 0::bigint as base_minor, allocated as price_minor, start_date, end_date from earned
union all
select contract_id, line_id, 2, earned, share + case
    when row_number() over (partition by contract_id order by share desc, line_no) = 1
        then pool - sum(share) over (partition by contract_id) else 0 end, cut_date, end_date
from shares
union all
select contract_id, line_id, 3, earned, 0, cut_date, cut_date from earned where contract_version = 3;
create index on floor_segments (contract_id);
analyze floor_segments;
