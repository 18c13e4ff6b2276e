-- Credits that are given already and change the price of days still to come: from the day of the credit they
-- belong to the price, though revenue changes only on those days (ASC 606-10-32-42). One row per version of the
-- arrangement that is in force while the credit waits for its own.

with

changes as (

    select * from {{ ref('int_contracts__changes') }}

),

versions as (

    select * from {{ ref('int_contracts__versions') }}

),

credits as (

    select
        credits.entity_id,
        credits.arrangement_id,
        credits.package_id,
        credits.event_id,
        credits.contract_line_id,
        credits.obligation_key,
        credits.price_change_minor,
        changes.version_no as own_version_no,
        min(notes.issued_date) as issued_date
    from {{ ref('int_prices__credits') }} as credits
    inner join changes on credits.event_id = changes.event_id
    inner join {{ ref('stg_canonical__credit_events') }} as notes
        on
            credits.entity_id = notes.entity_id
            and credits.credit_id = notes.credit_id
            and notes.event_type = 'credit.issued'
    where credits.treatment = 'credit_ahead' and credits.price_change_minor <> 0
    group by
        credits.entity_id, credits.arrangement_id, credits.package_id, credits.event_id, credits.contract_line_id,
        credits.obligation_key, credits.price_change_minor, changes.version_no

),

final as (

    select
        credits.entity_id,
        credits.package_id,
        versions.version_no,
        credits.event_id,
        credits.obligation_key,
        greatest(versions.effective_date, credits.issued_date) as effective_date,
        sum(credits.price_change_minor)::bigint as change_minor
    from credits
    inner join versions
        on
            credits.entity_id = versions.entity_id
            and credits.arrangement_id = versions.arrangement_id
            and credits.own_version_no > versions.version_no
            and credits.issued_date < versions.next_effective_date
    group by
        credits.entity_id, credits.package_id, versions.version_no, credits.event_id, credits.obligation_key,
        greatest(versions.effective_date, credits.issued_date)

)

select * from final
