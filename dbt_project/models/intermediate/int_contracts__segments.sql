-- Versions of a contract in the order in which they take effect, whatever order they arrived in.
--
-- Order: effective date, then the source's own version, then event id; never the order of arrival.
-- A renewal that was decided to cut the old term (supersedes_from_date) ends the old contract there.

with

events as (

    select * from {{ ref('stg_canonical__contract_events') }}

),

own_versions as (

    select
        entity_id,
        contract_id,
        event_id,
        event_type,
        customer_id,
        currency_code,
        signed_date,
        effective_date,
        end_date,
        term_months,
        refund_minor,
        replaces_contract_id,
        supersedes_from_date,
        contract_version,
        false as is_superseded
    from events

),

-- The old contract learns of its renewal. The unused rest of its price goes back with the renewal.
superseded as (

    select
        old_contract.entity_id,
        old_contract.contract_id,
        renewal.event_id || ':supersedes' as event_id,
        'contract.terminated' as event_type,
        old_contract.customer_id,
        old_contract.currency_code,
        renewal.signed_date,
        renewal.supersedes_from_date as effective_date,
        null::date as end_date,
        null::integer as term_months,
        0::bigint as refund_minor,
        null::text as replaces_contract_id,
        null::date as supersedes_from_date,
        2147483647 as contract_version,
        true as is_superseded
    from events as renewal
    inner join
        (
            select distinct entity_id, contract_id, customer_id, currency_code
            from events
            where event_type in ('contract.signed', 'contract.renewed')
        ) as old_contract
        on
            renewal.entity_id = old_contract.entity_id
            and renewal.replaces_contract_id = old_contract.contract_id
    where renewal.event_type = 'contract.renewed' and renewal.supersedes_from_date is not null

),

versions as (

    select * from own_versions
    union all
    select * from superseded

),

ordered as (

    select
        *,
        row_number() over in_order as version_no,
        lead(effective_date) over in_order as until_date,
        count(*) filter (where event_type <> 'contract.terminated') over (partition by entity_id, contract_id) as telling_count,
        max(case when event_type = 'contract.terminated' then 1 else 0 end)
            over (
                partition by entity_id, contract_id
                order by effective_date, contract_version, event_id
                rows between unbounded preceding and 1 preceding
            ) as follows_termination
    from versions
    window in_order as (partition by entity_id, contract_id order by effective_date, contract_version, event_id)

),

final as (

    select
        entity_id,
        contract_id,
        version_no::integer as version_no,
        event_id,
        event_type,
        customer_id,
        currency_code,
        signed_date,
        effective_date,
        -- First day on which these terms no longer hold; null while they are the newest.
        until_date,
        end_date,
        term_months,
        refund_minor,
        replaces_contract_id,
        supersedes_from_date,
        is_superseded,
        -- Most contracts never change: whoever only has to look at changes can leave them aside.
        telling_count > 1 as is_retold,
        case
            when event_type = 'contract.terminated' then 'termination'
            when event_type in ('contract.amended', 'contract.option_exercised') then 'prospective'
            else 'initial'
        end as treatment
    from ordered
    -- What follows a termination changes nothing; the contract is over. It stands in the exceptions.
    where coalesce(follows_termination, 0) = 0

)

select * from final
