-- In place of the seed ref_accounts: the same chart for every legal entity. As rows of a seed it would be most
-- of the time of a build of thousands of entities.
{{ config(materialized='table', schema='reference', alias='ref_accounts') }}

select
    entities.entity_id,
    roles.account_role,
    roles.effective_from,
    roles.account_code,
    roles.account_name,
    roles.account_type,
    roles.reason
from {{ ref('ref_legal_entities') }} as entities
cross join {{ ref('ref_account_roles') }} as roles
