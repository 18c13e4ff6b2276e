-- placeholder until the model lands
select
    ''::text as entity_id,
    ''::text as arrangement_id,
    ''::text as contract_id,
    null::date as economic_date,
    ''::text as currency_code,
    ''::text as side,
    0::bigint as interest_minor
where false
