"""The worked examples in the models' YAML, run by dbt on a real PostgreSQL."""

from pathlib import Path

from revenue_pipeline.warehouse.database import Database
from tests.derivation import derive

# Models whose SQL computes money, weights, windows or verdicts.
WITH_ARITHMETIC = {
    "fct_accounting_movement",
    "fct_contract_position",
    "fct_deferred_revenue_rollforward",
    "int_contracts__arrangements",
    "int_contracts__changes",
    "int_contracts__gates",
    "int_contracts__line_terms",
    "int_contracts__lines",
    "int_contracts__quarantined",
    "int_contracts__segments",
    "int_contracts__terms",
    "int_contracts__versions",
    "int_costs__transferred",
    "int_documents__classified",
    "int_documents__settled",
    "int_financing__accrued",
    "int_fx__functional",
    "int_fx__movements",
    "int_fx__positions",
    "int_fx__rates",
    "int_movements__applied",
    "int_movements__before_netting",
    "int_movements__between_entities",
    "int_movements__documented",
    "int_movements__opened",
    "int_movements__passed_on",
    "int_movements__performed",
    "int_movements__refundable",
    "int_obligations__identified",
    "int_obligations__kinds",
    "int_obligations__lines",
    "int_obligations__promised",
    "int_obligations__remaining",
    "int_obligations__segments",
    "int_policies__products",
    "int_positions__days",
    "int_positions__period_ends",
    "int_prices__allocated",
    "int_prices__announced",
    "int_prices__changes",
    "int_prices__claims",
    "int_prices__components",
    "int_prices__credits",
    "int_prices__expected_use",
    "int_prices__renewal_periods",
    "int_prices__terms",
    "int_prices__transaction",
    "int_progress__steps",
    "int_revenue__catch_ups",
    "int_revenue__dates",
    "int_revenue__financed",
    "int_revenue__scheduled",
    "int_revenue__withheld",
    "int_usage__entitled",
    "int_usage__rated",
}


def test_every_model_with_arithmetic_has_an_example_and_all_examples_hold(
    database: Database, tmp_path: Path
) -> None:
    done = derive(tmp_path, unit_tests=True)

    exemplified = {name.split(".")[2] for name in done if name.startswith("unit_test.")}
    assert exemplified == WITH_ARITHMETIC
