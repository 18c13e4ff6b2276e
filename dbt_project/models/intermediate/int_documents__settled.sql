-- Where each credit note goes: off the receivable, to the customer's balance, back in cash, or past the books.
--
-- What the note does not place comes off the receivable. Tax is shared over the places in proportion to
-- them, on running totals, so that the parts add up to the tax of the note.

with

credits as (

    select * from {{ ref('int_documents__classified') }}
    where document_type in ('credit', 'credit_void')

),

stated as (

    select
        credits.entity_id,
        credits.event_id,
        settlements.line_no,
        settlements.settle_to,
        case credits.document_type when 'credit_void' then -settlements.amount_minor else settlements.amount_minor end
            as gross_minor
    from credits
    inner join {{ ref('stg_canonical__credit_settlements') }} as settlements
        on credits.event_id = settlements.event_id

),

unplaced as (

    select
        credits.entity_id,
        credits.event_id,
        0 as line_no,
        'reduce_receivable' as settle_to,
        credits.amount_minor + credits.tax_minor - coalesce(sum(stated.gross_minor), 0) as gross_minor
    from credits
    left join stated on credits.entity_id = stated.entity_id and credits.event_id = stated.event_id
    group by credits.entity_id, credits.event_id, credits.amount_minor, credits.tax_minor

),

places as (

    select * from stated
    union all
    select * from unplaced
    where gross_minor <> 0

),

running as (

    select
        *,
        sum(gross_minor) over (partition by entity_id, event_id order by line_no) as gross_to_date_minor
    from places

),

taxed as (

    select
        running.entity_id,
        running.event_id,
        running.line_no,
        running.settle_to,
        running.gross_minor::bigint as gross_minor,
        credits.tax_minor,
        round(
            credits.tax_minor * running.gross_to_date_minor::numeric
            / nullif(credits.amount_minor + credits.tax_minor, 0)
        ) as tax_to_date_minor
    from running
    inner join credits on running.entity_id = credits.entity_id and running.event_id = credits.event_id

),

shared as (

    select
        *,
        (
            tax_to_date_minor
            - lag(tax_to_date_minor, 1, 0::numeric) over (partition by entity_id, event_id order by line_no)
        )::bigint as tax_part_minor
    from taxed

),

final as (

    select
        entity_id,
        event_id,
        line_no,
        settle_to,
        case settle_to
            when 'reduce_receivable' then 'receivable'
            when 'customer_credit' then 'customer_credit'
            -- Owed to the customer until the refund is paid.
            when 'refund' then 'customer_credit'
            when 'external' then 'external_settlement'
        end as settled_role,
        gross_minor - tax_part_minor as amount_minor,
        tax_part_minor as tax_minor,
        gross_minor
    from shared

)

select * from final
