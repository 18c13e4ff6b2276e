with

source as (

    select events.*
    from {{ source('canonical', 'contract_event') }} as events
    {{ in_scope('events') }}
    where {{ known('events') }}

),

final as (

    select
        event_id,
        event_type,
        source_system,
        source_object,
        source_id,
        source_version,
        occurred_at,
        recorded_at,
        known_seq,
        inbox_id,
        entity_id,
        payload_hash,
        raw_uri,
        schema_version,
        adapter_version,
        contract_id,
        contract_version,
        customer_id,
        currency_code::text as currency_code,
        signed_date,
        effective_date,
        end_date,
        term_months,
        replaces_contract_id,
        supersedes_from_date,
        refund_minor,
        change_basis,
        modification_id,
        classification,
        adds_distinct,
        added_at_ssp,
        remaining_distinct,
        consideration_change_minor,
        price_credit_minor,
        price_credit_relates_to,
        expected_costs_minor,
        exercised_line_id,
        combined_with,
        is_collection_probable,
        is_cancellable,
        contract_count,
        financing_rate,
        financing_compounding,
        cash_selling_price_minor,
        financing_instalments,
        financing_instalment_minor,
        payable_minor,
        payable_date,
        payable_is_for_distinct_good,
        payable_expected_sales_minor,
        discount_obligations,
        repurchase_kind,
        repurchase_price_minor,
        repurchase_until_date,
        return_right_until_date,
        initiated_by
    from source

)

select * from final
