{{ config(materialized='incremental', indexes=[{'columns': ['entity_id', 'contract_id']}]) }}

with

movements as (

    select * from {{ ref('int_movements__before_netting') }}

),

foreign_movements as (

    select * from {{ ref('int_fx__functional') }}

),

foreign_positions as (

    select distinct on (entity_id, arrangement_id, currency_code, economic_date)
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        greatest(-position_minor, 0)::bigint as asset_minor,
        case when position_minor < 0 then -functional_minor when functional_minor is not null then 0 end::bigint
            as asset_functional_minor
    from {{ ref('int_fx__positions') }}
    order by entity_id asc, arrangement_id asc, currency_code asc, economic_date asc, step_no desc

),

entities as (

    select
        entity_id,
        functional_currency_code
    from {{ ref('ref_legal_entities') }}

),

accounts as (

    select * from {{ ref('int_policies__accounts') }}

),

-- An arrangement is an asset or a liability, never both: what was earned ahead of claims moves over.
assets as (

    select
        days.entity_id,
        days.arrangement_id,
        days.currency_code,
        days.economic_date,
        days.contract_asset_minor as asset_minor,
        days.contract_asset_minor as asset_functional_minor
    from {{ ref('int_positions__days') }} as days
    inner join entities
        on days.entity_id = entities.entity_id and days.currency_code = entities.functional_currency_code
    union all
    select * from foreign_positions

),

netted as (

    select
        entity_id,
        arrangement_id,
        currency_code,
        economic_date,
        asset_minor - lag(asset_minor, 1, 0::bigint) over in_order as amount_minor,
        asset_functional_minor - lag(asset_functional_minor, 1, 0::bigint) over in_order as functional_amount_minor
    from assets
    window in_order as (partition by entity_id, arrangement_id, currency_code order by economic_date)

),

everything as (

    select
        movements.entity_id,
        movements.contract_id,
        movements.arrangement_id,
        movements.obligation_id,
        movements.movement,
        movements.economic_date,
        movements.economic_period,
        movements.currency_code,
        movements.debit_role,
        movements.credit_role,
        movements.amount_minor,
        entities.functional_currency_code,
        movements.amount_minor as functional_amount_minor
    from movements
    inner join entities
        on movements.entity_id = entities.entity_id and movements.currency_code = entities.functional_currency_code
    union all
    select
        entity_id,
        contract_id,
        arrangement_id,
        obligation_id,
        movement,
        economic_date,
        economic_period,
        currency_code,
        debit_role,
        credit_role,
        amount_minor,
        functional_currency_code,
        functional_amount_minor
    from foreign_movements
    union all
    select
        netted.entity_id,
        netted.arrangement_id as contract_id,
        netted.arrangement_id,
        '' as obligation_id,
        'asset_reclass' as movement,
        netted.economic_date,
        {{ period_of('netted.entity_id', 'netted.economic_date') }} as economic_period,
        netted.currency_code,
        'contract_asset' as debit_role,
        'contract_liability' as credit_role,
        netted.amount_minor,
        entities.functional_currency_code,
        netted.functional_amount_minor
    from netted
    inner join entities on netted.entity_id = entities.entity_id
    where netted.amount_minor <> 0 or netted.functional_amount_minor <> 0

),

-- Rates are published for months whose books are not kept here, too.
reported as (

    select everything.*
    from everything
    inner join {{ ref('ref_legal_entities') }} as calendars
        on
            everything.entity_id = calendars.entity_id
            and everything.economic_period between calendars.first_period and calendars.last_period

),

final as (

    select
        encode(sha256(convert_to(concat_ws(
            '|', reported.entity_id, reported.contract_id, reported.obligation_id, reported.movement,
            to_char(reported.economic_date, 'YYYY-MM-DD'), reported.currency_code, reported.debit_role,
            reported.credit_role
        ), 'UTF8')), 'hex') as movement_id,
        reported.entity_id,
        reported.contract_id,
        reported.arrangement_id,
        reported.obligation_id,
        reported.movement,
        reported.economic_date,
        reported.economic_period,
        reported.currency_code,
        reported.debit_role,
        reported.credit_role,
        debit_accounts.account_code as debit_account_code,
        credit_accounts.account_code as credit_account_code,
        reported.amount_minor,
        reported.functional_currency_code,
        reported.functional_amount_minor
    from reported
    -- A role without an account breaks the contract of this table and stops the build.
    left join accounts as debit_accounts
        on
            reported.entity_id = debit_accounts.entity_id
            and reported.debit_role = debit_accounts.account_role
            and {{ in_force('debit_accounts', 'reported.economic_date') }}
    left join accounts as credit_accounts
        on
            reported.entity_id = credit_accounts.entity_id
            and reported.credit_role = credit_accounts.account_role
            and {{ in_force('credit_accounts', 'reported.economic_date') }}

)

select * from final
