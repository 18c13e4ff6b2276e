-- Rates into the functional currency of each entity, each holding until the next one is published.
--
-- spot_rate is for what happens on a day, closing_rate for what stands at its end. A rate stated the other
-- way round counts as its inverse where no direct one is published that day.

with

published as (

    select
        events.entity_id,
        events.rate_date,
        case
            when events.quote_currency_code = entities.functional_currency_code
                then events.base_currency_code
            else events.quote_currency_code
        end as currency_code,
        entities.functional_currency_code,
        events.quote_currency_code = entities.functional_currency_code as is_direct,
        events.rate_kind,
        events.rate,
        events.known_seq,
        events.event_id
    from {{ ref('stg_canonical__fx_rate_events') }} as events
    inner join {{ ref('ref_legal_entities') }} as entities on events.entity_id = entities.entity_id
    where
        entities.functional_currency_code in (events.base_currency_code, events.quote_currency_code)
        and events.base_currency_code <> events.quote_currency_code

),

-- A rate published again for the same day replaces the former one.
newest as (

    select distinct on (entity_id, currency_code, rate_date, rate_kind)
        entity_id,
        currency_code,
        functional_currency_code,
        rate_date,
        rate_kind,
        case when is_direct then rate else 1 / rate end as rate
    from published
    order by
        entity_id asc, currency_code asc, rate_date asc, rate_kind asc, is_direct desc, known_seq desc, event_id asc

),

daily as (

    select
        entity_id,
        currency_code,
        functional_currency_code,
        rate_date,
        max(rate) filter (where rate_kind = 'spot') as spot_rate,
        max(rate) filter (where rate_kind = 'closing') as closing_rate
    from newest
    group by entity_id, currency_code, functional_currency_code, rate_date

),

final as (

    select
        entity_id,
        currency_code,
        functional_currency_code,
        rate_date,
        lead(rate_date) over (partition by entity_id, currency_code order by rate_date) as until_date,
        coalesce(spot_rate, closing_rate) as spot_rate,
        coalesce(closing_rate, spot_rate) as closing_rate,
        closing_rate is not null as is_closing,
        -- Minor units of the functional currency per minor unit, at rate 1.
        power(10::numeric, {{ currency_exponent('functional_currency_code') }} - {{ currency_exponent('currency_code') }})
            as minor_factor
    from daily

)

select * from final
