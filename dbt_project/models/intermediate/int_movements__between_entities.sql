-- What the entity that bills owes the entities that deliver: of every claim the share of the price that is
-- allocated to them, due on the day of the claim.
--
-- Shares are taken of the claims to date, rounded, with the difference on the largest share, so the parts
-- add up to what was claimed. Where the receivable follows performance, each entity's own performance is the claim
-- (int_movements__performed) and nothing is shared here.

with

arrangements as (

    select * from {{ ref('int_contracts__arrangements') }}

),

allocated as (

    select
        entity_id,
        package_id,
        version_no,
        effective_date,
        coalesce(performing_entity_id, entity_id) as performing_entity_id,
        sum(allocated_minor)::bigint as allocated_minor
    from {{ ref('int_prices__allocated') }}
    group by entity_id, package_id, version_no, effective_date, coalesce(performing_entity_id, entity_id)

),

shared_packages as (

    select
        entity_id,
        package_id
    from allocated
    group by entity_id, package_id
    having bool_or(performing_entity_id <> entity_id)

),

claims as (

    select
        entity_id,
        contract_id,
        currency_code,
        economic_date,
        case credit_role when 'contract_liability' then amount_minor else -amount_minor end as claimed_minor
    from {{ ref('int_movements__documented') }}
    where 'contract_liability' in (debit_role, credit_role)
    union all
    select
        entity_id,
        contract_id,
        currency_code,
        economic_date,
        case credit_role when 'contract_liability' then amount_minor else -amount_minor end as claimed_minor
    from {{ ref('int_movements__applied') }}
    where 'contract_liability' in (debit_role, credit_role)

),

claim_days as (

    select
        claims.entity_id,
        arrangements.arrangement_id,
        arrangements.package_id,
        claims.currency_code,
        claims.economic_date,
        (sum(sum(claims.claimed_minor)) over (
            partition by claims.entity_id, arrangements.package_id, claims.currency_code
            order by claims.economic_date
        ))::bigint as claimed_minor
    from claims
    inner join arrangements
        on claims.entity_id = arrangements.entity_id and claims.contract_id = arrangements.contract_id
    inner join shared_packages
        on arrangements.entity_id = shared_packages.entity_id and arrangements.package_id = shared_packages.package_id
    group by
        claims.entity_id, arrangements.arrangement_id, arrangements.package_id, claims.currency_code,
        claims.economic_date

),

-- The allocation in force on the day; before the first one, the first.
versions as (

    select
        claim_days.*,
        coalesce(
            max(allocated.version_no) filter (where allocated.effective_date <= claim_days.economic_date),
            min(allocated.version_no)
        ) as version_no
    from claim_days
    inner join allocated
        on claim_days.entity_id = allocated.entity_id and claim_days.package_id = allocated.package_id
    group by
        claim_days.entity_id, claim_days.arrangement_id, claim_days.package_id, claim_days.currency_code,
        claim_days.economic_date, claim_days.claimed_minor

),

weighed as (

    select
        versions.*,
        allocated.performing_entity_id,
        allocated.allocated_minor,
        sum(allocated.allocated_minor) over in_version as total_minor,
        row_number() over (in_version order by allocated.allocated_minor desc, allocated.performing_entity_id asc) as rank_no
    from versions
    inner join allocated
        on
            versions.entity_id = allocated.entity_id
            and versions.package_id = allocated.package_id
            and versions.version_no = allocated.version_no
    window in_version as (
        partition by versions.entity_id, versions.package_id, versions.currency_code, versions.economic_date
    )

),

rounded as (

    select
        *,
        {{ round_ratio('claimed_minor', 'allocated_minor', 'total_minor') }} as share_minor
    from weighed
    where total_minor > 0 and allocated_minor >= 0

),

shared as (

    select
        *,
        share_minor + case
            when rank_no = 1
                then
                    claimed_minor - sum(share_minor)
                        over (
                            partition by entity_id, package_id, currency_code, economic_date
                        )
            else 0
        end as due_minor
    from rounded

),

changes as (

    select
        *,
        (due_minor - lag(due_minor, 1, 0::numeric) over (
            partition by entity_id, package_id, currency_code, performing_entity_id
            order by economic_date
        ))::bigint as amount_minor
    from shared

),

final as (

    select
        sides.entity_id,
        changes.package_id as contract_id,
        changes.arrangement_id,
        changes.currency_code,
        changes.economic_date,
        'intercompany' as movement,
        sides.debit_role,
        sides.credit_role,
        changes.amount_minor
    from changes
    cross join
        lateral (
            values
            (changes.entity_id, 'contract_liability', 'due_to_entity'),
            (changes.performing_entity_id, 'due_from_entity', 'contract_liability')
        ) as sides (entity_id, debit_role, credit_role)
    where changes.performing_entity_id <> changes.entity_id and changes.amount_minor <> 0

)

select * from final
