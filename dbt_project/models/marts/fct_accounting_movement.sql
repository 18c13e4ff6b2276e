with

movements as (

    select * from {{ ref('int_movements__before_netting') }}

),

positions as (

    select * from {{ ref('int_positions__period_ends') }}

),

accounts as (

    select * from {{ ref('ref_accounts') }}

),

-- A contract is an asset or a liability, never both: what was earned ahead of billing moves over.
netted as (

    select
        entity_id,
        contract_id,
        '' as obligation_id,
        'asset_reclass' as movement,
        period_start_date as economic_period,
        currency_code,
        'contract_asset' as debit_role,
        'contract_liability' as credit_role,
        contract_asset_minor - lag(contract_asset_minor, 1, 0::bigint) over (
            partition by entity_id, contract_id, currency_code
            order by period_start_date
        ) as amount_minor
    from positions

),

everything as (

    select * from movements
    union all
    select * from netted
    where amount_minor <> 0

),

final as (

    select
        encode(sha256(convert_to(concat_ws(
            '|', everything.entity_id, everything.contract_id, everything.obligation_id, everything.movement,
            to_char(everything.economic_period, 'YYYY-MM'), everything.currency_code, everything.debit_role,
            everything.credit_role
        ), 'UTF8')), 'hex') as movement_id,
        everything.entity_id,
        everything.contract_id,
        everything.obligation_id,
        everything.movement,
        everything.economic_period,
        everything.currency_code,
        everything.debit_role,
        everything.credit_role,
        debit_accounts.account_code as debit_account_code,
        credit_accounts.account_code as credit_account_code,
        everything.amount_minor
    from everything
    -- A role without an account breaks the contract of this table and stops the build.
    left join accounts as debit_accounts
        on everything.entity_id = debit_accounts.entity_id and everything.debit_role = debit_accounts.account_role
    left join accounts as credit_accounts
        on everything.entity_id = credit_accounts.entity_id and everything.credit_role = credit_accounts.account_role

)

select * from final
