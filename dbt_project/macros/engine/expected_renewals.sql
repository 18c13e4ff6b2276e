{# Consideration expected from renewals that are treated as part of the contract (ASC 606-10-55-45), in
   minor units: so many renewals at a price, or each period's consideration times its probability. A first
   period that is certain is the contract's own term and priced by its lines. #}
{% macro expected_renewals(row) -%}
    coalesce(
        round({{ row }}.renewals_expected * {{ row }}.renewal_price_minor),
        (
            select round(sum(periods.probability * periods.consideration))
            from unnest({{ row }}.renewal_probabilities, {{ row }}.renewal_considerations_minor)
                with ordinality as periods (probability, consideration, place)
            where not (periods.place = 1 and periods.probability = 1)
        ),
        0
    )
{%- endmacro %}
