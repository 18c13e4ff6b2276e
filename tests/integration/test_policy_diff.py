"""`revenue policy diff`: a change of the seeds moves exactly the numbers it should."""

import csv
import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from revenue_pipeline.canonical.models import ContractEvent, ContractLine, FulfilmentEvent
from revenue_pipeline.canonical.writer import write_events
from revenue_pipeline.derivation.project import read_seed, write_seed
from revenue_pipeline.landing.inbox import InboxRow
from revenue_pipeline.paths import DBT_PROJECT_DIR, PROJECT_ROOT
from revenue_pipeline.policies.command import diff
from revenue_pipeline.policies.errors import PolicyVersionError
from revenue_pipeline.settings import load_settings
from revenue_pipeline.warehouse.database import Database

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
Rows = list[dict[str, str]]
# A contract by month over broken months, in two entities; and a bundle split by the price list.
MONTHLY = ContractLine(
    line_id="a",
    obligation_key="a",
    product_code="PLATFORM_MONTHLY",
    quantity=Decimal(1),
    amount_minor=90_000,
    service_start_date=date(2025, 1, 16),
    service_end_date=date(2025, 4, 15),
)
BUNDLE = (
    ContractLine(
        line_id="p",
        obligation_key="p",
        product_code="PLATFORM",
        quantity=Decimal(1),
        amount_minor=100_000,
        service_start_date=date(2025, 1, 1),
        service_end_date=date(2025, 12, 31),
    ),
    ContractLine(
        line_id="o",
        obligation_key="o",
        product_code="ONBOARDING",
        quantity=Decimal(1),
        amount_minor=500_000,
    ),
)


def contract(
    entity: str, number: str, currency: str, start: date, end: date, *lines: ContractLine
) -> ContractEvent:
    return ContractEvent(
        source_system="test",
        source_object="order",
        source_id=f"{entity}-{number}",
        source_version="1",
        occurred_at=NOON,
        recorded_at=NOON,
        entity_id=entity,
        adapter_version="1",
        event_type="contract.signed",
        contract_id=number,
        contract_version=1,
        customer_id="k",
        currency_code=currency,
        signed_date=start,
        effective_date=start,
        end_date=end,
        lines=lines,
    )


@pytest.fixture
def project(database: Database, tmp_path: Path) -> Path:
    """A checkout whose only commit holds the project's policies, and a log with three contracts."""
    events = (
        contract("US", "M", "USD", date(2025, 1, 16), date(2025, 4, 15), MONTHLY),
        contract("DE", "M", "EUR", date(2025, 1, 16), date(2025, 4, 15), MONTHLY),
        contract("US", "B", "USD", date(2025, 1, 1), date(2025, 12, 31), *BUNDLE),
        FulfilmentEvent(
            source_system="test",
            source_object="acceptance",
            source_id="f",
            occurred_at=NOON,
            recorded_at=NOON,
            entity_id="US",
            adapter_version="1",
            event_type="fulfilment.accepted",
            fulfilment_id="f",
            contract_id="B",
            line_id="o",
            fulfilled_date=date(2025, 2, 10),
        ),
    )
    rows = [
        InboxRow(
            inbox_id=place,
            log_seq=place,
            source="test",
            tenant="t",
            delivery_key=str(place),
            object_type=None,
            object_id=None,
            api_version=None,
            occurred_at=NOON,
            received_at=NOON,
            content_type="application/json",
            body=b"{}",
            body_sha256="0" * 64,
            origin="test",
            origin_row=None,
            is_collision=False,
        )
        for place, _ in enumerate(events, start=1)
    ]
    with database.connect() as connection:
        write_events(connection, zip(rows, events, strict=True))
        connection.commit()
    folder = tmp_path / "checkout" / "dbt_project"
    shutil.copytree(
        DBT_PROJECT_DIR, folder, ignore=shutil.ignore_patterns("target", "logs", "__pycache__")
    )
    git(folder.parent, "init", "--quiet")
    commit(folder, "first")
    return folder


def git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True)  # noqa: S607


def commit(project: Path, tag: str) -> None:
    git(project.parent, "add", "--all")
    git(project.parent, "commit", "--quiet", "--message", tag)
    git(project.parent, "tag", tag)


def change(project: Path, seed: str, edit: Callable[[Rows], Rows]) -> None:
    write_seed(project, seed, edit(read_seed(seed, project)), keep=False)


def drop_column(project: Path, seed: str, column: str) -> None:
    path = project / "seeds" / f"{seed}.csv"
    rows = read_seed(seed, project)
    text = io.StringIO()
    kept = [name for name in rows[0] if name != column]
    writer = csv.DictWriter(text, kept, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")


def moves(
    project: Path, ref: str, capsys: pytest.CaptureFixture[str]
) -> dict[tuple[str, str, str, str], tuple[str, str, str]]:
    """From, to and difference by entity, contract, account and month."""
    assert diff(load_settings(), ref, as_csv=True, project=project) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    return {
        (row["entity"], row["contract"], row["account"], row["period"]): (
            row["from"],
            row["to"],
            row["difference"],
        )
        for row in rows
    }


@pytest.mark.slow
def test_a_proration_moves_the_months_of_contracts_earned_by_month(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def by_days(rows: Rows) -> Rows:
        return [
            {**row, "proration": "actual_days"} if row["entity_id"] == "US" else row for row in rows
        ]

    change(project, "ref_entity_policies", by_days)
    # 16/31, 1, 1 and 15/30 of a month before; 16, 28, 31 and 15 days of 90 after
    expected = {
        "2025-01": ("154.01", "160.00", "5.99"),
        "2025-02": ("298.40", "280.00", "-18.40"),
        "2025-03": ("298.39", "310.00", "11.61"),
        "2025-04": ("149.20", "150.00", "0.80"),
    }
    found = moves(project, "first", capsys)
    assert {key[3]: values for key, values in found.items() if key[2] == "1130"} == expected
    assert {(key[:3]) for key in found} == {("US", "M", "1130"), ("US", "M", "4000")}


@pytest.mark.slow
def test_a_standalone_price_moves_the_bundle_it_splits(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def dearer(rows: Rows) -> Rows:
        ours = ("US", "ONBOARDING")
        return [
            {**row, "ssp_minor": "600000"}
            if (row["entity_id"], row["product_code"]) == ours
            else row
            for row in rows
        ]

    change(project, "ref_standalone_prices", dearer)
    found = moves(project, "first", capsys)

    # 6,000.00 over 1,200.00 and 5,000.00 before, over 1,200.00 and 6,000.00 after
    assert found["US", "B", "4020", "2025-02"] == ("-4838.71", "-5000.00", "-161.29")
    earned = {
        key[3]: (-Decimal(values[0]), -Decimal(values[1]))
        for key, values in found.items()
        if key[2] == "4000"
    }
    assert earned == {
        f"2025-{month:02d}": (of_month(116_129, month), of_month(100_000, month))
        for month in range(1, 13)
    }
    assert {key[:2] for key in found} == {("US", "B")}


@pytest.mark.slow
def test_an_account_moves_amounts_from_the_day_on_which_it_holds(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # an earlier version whose accounts knew no dates, and whose entities had fewer choices
    drop_column(project, "ref_accounts", "effective_from")
    drop_column(project, "ref_entity_policies", "dispute_lost")
    commit(project, "undated")
    git(project.parent, "checkout", "--quiet", "first", "--", ".")

    def moved_in_february(rows: Rows) -> Rows:
        (old,) = (
            row
            for row in rows
            if (row["entity_id"], row["account_role"]) == ("US", "services_revenue")
        )
        return [*rows, {**old, "effective_from": "2025-02-01", "account_code": "4025"}]

    change(project, "ref_accounts", moved_in_february)
    assert diff(load_settings(), "undated", entity_id="US", project=project) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "entity  period   account  contract  currency      from        to  difference",
        "US      2025-02  4020     B         USD       -4838.71      0.00     4838.71",
        "US      2025-02  4025     B         USD           0.00  -4838.71    -4838.71",
        "",
        "2 numbers of 1 contract move",
    ]
    assert "ref_accounts of undated has no column effective_from: 1900-01-01 is taken" in said.err
    assert "has no column dispute_lost: price_concession is taken" in said.err


def test_what_cannot_be_compared_is_refused_in_one_line(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff(load_settings(), "HEAD", project=project) == 0
    assert capsys.readouterr().out == "the policies are those of HEAD: no number moves\n"
    with pytest.raises(PolicyVersionError, match="git knows no commit v0") as refused:
        diff(load_settings(), "v0", project=project)
    assert refused.value.exit_code == 2
    with pytest.raises(PolicyVersionError, match="there is no legal entity FR"):
        diff(load_settings(), "HEAD", entity_id="FR", project=project)

    drop_column(project, "ref_accounts", "account_code")
    commit(project, "codeless")
    git(project.parent, "checkout", "--quiet", "first", "--", ".")
    with pytest.raises(
        PolicyVersionError,
        match="ref_accounts of codeless has no column account_code, and there is no default for it",
    ):
        diff(load_settings(), "codeless", project=project)

    git(project.parent, "rm", "-r", "--quiet", "--cached", "dbt_project/seeds/ref_accounts.csv")
    git(project.parent, "commit", "--quiet", "--message", "no chart")
    assert diff(load_settings(), "HEAD", project=project) == 0
    said = capsys.readouterr()
    assert "note: ref_accounts is not in HEAD: today's rows are taken" in said.err


def test_the_command_refuses_an_unknown_commit_in_one_line(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "revenue_pipeline.cli", "policy", "diff", "no-such-commit"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("revenue: ")
    assert not home.exists()  # no server was started for it


def of_month(price_minor: int, month: int) -> Decimal:
    """Earned in a month of 2025, by days, rounded on the running total."""
    end = (date(2025, month, 28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    start = end.replace(day=1) - timedelta(days=1)
    return through(price_minor, end) - through(price_minor, start)


def through(price_minor: int, day: date) -> Decimal:
    exact = Fraction(price_minor * (day - date(2024, 12, 31)).days, 365)
    cents = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(
        Decimal(1), ROUND_HALF_UP
    )
    return cents / 100
