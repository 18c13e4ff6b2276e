-- What happened on each day, as debit role and credit role, before contract assets are told apart from
-- contract liabilities. Every arrangement has one position (ASC 606-10-45-1): claims credit it, revenue
-- debits it.

with

reportable as (

    select
        entity_id,
        first_period,
        last_period
    from {{ ref('ref_legal_entities') }}

),

documented as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        '' as obligation_id,
        movement,
        economic_date,
        currency_code,
        debit_role,
        credit_role,
        amount_minor
    from {{ ref('int_movements__documented') }}

),

applied as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        '' as obligation_id,
        movement,
        economic_date,
        currency_code,
        debit_role,
        credit_role,
        amount_minor
    from {{ ref('int_movements__applied') }}

),

performed as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        obligation_id,
        movement,
        economic_date,
        currency_code,
        debit_role,
        credit_role,
        amount_minor
    from {{ ref('int_movements__performed') }}

),

between_entities as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        '' as obligation_id,
        movement,
        economic_date,
        currency_code,
        debit_role,
        credit_role,
        amount_minor
    from {{ ref('int_movements__between_entities') }}

),

refundable as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        '' as obligation_id,
        movement,
        economic_date,
        currency_code,
        debit_role,
        credit_role,
        amount_minor
    from {{ ref('int_movements__refundable') }}

),

passed_on as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        '' as obligation_id,
        movement,
        economic_date,
        currency_code,
        debit_role,
        credit_role,
        amount_minor
    from {{ ref('int_movements__passed_on') }}

),

opened as (

    select
        entity_id,
        contract_id,
        arrangement_id,
        '' as obligation_id,
        movement,
        economic_date,
        currency_code,
        debit_role,
        credit_role,
        amount_minor
    from {{ ref('int_movements__opened') }}

),

everything as (

    select * from documented
    union all
    select * from applied
    union all
    select * from performed
    union all
    select * from between_entities
    union all
    select * from refundable
    union all
    select * from passed_on
    union all
    select * from opened

),

final as (

    select
        everything.entity_id,
        everything.contract_id,
        everything.arrangement_id,
        everything.obligation_id,
        everything.movement,
        everything.economic_date,
        {{ period_of('everything.entity_id', 'everything.economic_date') }} as economic_period,
        everything.currency_code,
        everything.debit_role,
        everything.credit_role,
        sum(everything.amount_minor)::bigint as amount_minor
    from everything
    inner join reportable
        on
            everything.entity_id = reportable.entity_id
            and everything.economic_date >= reportable.first_period
            and everything.economic_date <= {{ period_end_of('reportable.entity_id', 'reportable.last_period') }}
    group by
        everything.entity_id, everything.contract_id, everything.arrangement_id, everything.obligation_id,
        everything.movement, everything.economic_date, everything.currency_code, everything.debit_role,
        everything.credit_role
    having sum(everything.amount_minor) <> 0

)

select * from final
