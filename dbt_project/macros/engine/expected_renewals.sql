{# Consideration expected from renewals that are treated as part of the contract (ASC 606-10-55-45), in
   minor units: so many renewals at a price, or each period's consideration times its probability. #}
{% macro expected_renewals(row) -%}
    coalesce(
        round({{ row }}.renewals_expected * {{ row }}.renewal_price_minor),
        (
            select round(sum(periods.probability * periods.consideration))
            from unnest({{ row }}.renewal_probabilities, {{ row }}.renewal_considerations_minor)
                as periods (probability, consideration)
        ),
        0
    )
{%- endmacro %}
