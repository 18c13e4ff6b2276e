-- Renewing terms of evergreen contracts, one after the other until the contract ends, its terms
-- change, or the entity's last period is over. Terms are counted from the day the version took effect,
-- so an anchor on the 31st never drifts.

with

segments as (

    select * from {{ ref('int_contracts__segments') }}

),

entities as (

    select
        entity_id,
        {{ period_end_of('entity_id', 'last_period') }} as last_date
    from {{ ref('ref_legal_entities') }}

),

evergreen as (

    select
        segments.entity_id,
        segments.contract_id,
        segments.version_no,
        segments.effective_date,
        segments.term_months,
        least(segments.until_date - 1, segments.end_date) as cut_after_date,
        least(segments.until_date - 1, segments.end_date, entities.last_date) as last_date
    from segments
    inner join entities on segments.entity_id = entities.entity_id
    where segments.term_months is not null and segments.treatment <> 'termination'

),

final as (

    select
        evergreen.entity_id,
        evergreen.contract_id,
        evergreen.version_no,
        numbers.term_no::integer as term_no,
        (evergreen.effective_date + make_interval(months => evergreen.term_months * (numbers.term_no - 1)))::date
            as term_start_date,
        (evergreen.effective_date + make_interval(months => evergreen.term_months * numbers.term_no))::date - 1
            as term_end_date,
        -- First day on which the term no longer runs, when it is cut short.
        evergreen.cut_after_date + 1 as until_date
    from evergreen
    inner join lateral generate_series(
        1,
        (
            (extract(year from evergreen.last_date) - extract(year from evergreen.effective_date)) * 12
            + extract(month from evergreen.last_date) - extract(month from evergreen.effective_date)
        )::integer / evergreen.term_months + 1
    ) as numbers (term_no) on true
    where
        (evergreen.effective_date + make_interval(months => evergreen.term_months * (numbers.term_no - 1)))::date
        <= evergreen.last_date

)

select * from final
