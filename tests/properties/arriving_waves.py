"""Events of many cases, mixed into a few companies, that arrive in waves.

What the cases' adapter makes of golden and generated cases is taken as it is, and then made to
touch more: cases share entities and customers, some usage and some invoices name no contract, some
usage ids collide, some customers get money back. The figures are not those of any case; what is
asked is that they do not depend on when the events came.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from revenue_pipeline.cases.files import Case
from revenue_pipeline.cases.seeds import seed_rows

Row = dict[str, Any]
CHILDREN = {
    "contract_event": ("contract_line", "price_component"),
    "invoice_event": ("invoice_line",),
    "credit_event": ("credit_line", "credit_settlement"),
}
EVENTS = (
    "contract_event",
    "entitlement_event",
    "invoice_event",
    "usage_event",
    "credit_event",
    "payment_event",
    "fulfilment_event",
    "estimate_event",
    "fx_rate_event",
    "balance_event",
)
# Ids that are unique within a case only.
_NAMES = ("contract_id", "replaces_contract_id", "invoice_id", "credit_id", "payment_id")
_FURTHER = ("related_id", "usage_id", "fulfilment_id")


@dataclass
class Arrival:
    """An event with its parts, by table."""

    table: str
    row: Row
    parts: dict[str, list[Row]] = field(default_factory=dict)


def mixed_entities(cases: Sequence[Case], together: int) -> dict[str, str]:
    """Entity in whose books each entity of a case stands; every `together` cases share theirs.

    A case alone of its currency keeps its own.
    """
    shared: dict[str, str] = {}
    by_currency: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_currency[case.functional_currency].append(case)
    for alike in by_currency.values():
        for number, case in enumerate(alike):
            host = alike[number - number % together]
            shared |= {entity: entity for entity in case.entity_ids}
            shared[case.entity_ids[0]] = host.entity_ids[0]
    return shared


def mixed_seeds(cases: Sequence[Case], entities: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    """Rows of the seeds for the mixed entities: choices of the host, months of all its cases."""
    rows = seed_rows(cases)
    months: dict[str, list[str]] = defaultdict(list)
    for row in rows["ref_legal_entities"]:
        months[entities[row["entity_id"]]] += [row["first_period"], row["last_period"]]
    kept = {name: [r for r in own if r["entity_id"] in months] for name, own in rows.items()}
    for row in kept["ref_legal_entities"]:
        row["first_period"] = min(months[row["entity_id"]])
        row["last_period"] = max(months[row["entity_id"]])
    return kept


def read_arrivals(connection: psycopg.Connection[Any]) -> list[Arrival]:
    """Every event of a database, by event id."""
    found: list[Arrival] = []
    with connection.cursor(row_factory=dict_row) as cursor:
        for table in EVENTS:
            parts: dict[str, dict[str, list[Row]]] = {}
            for child in CHILDREN.get(table, ()):
                parts[child] = defaultdict(list)
                query = sql.SQL("select * from {} order by event_id, 2").format(_table(child))
                for row in cursor.execute(query).fetchall():
                    parts[child][row["event_id"]].append(row)
            query = sql.SQL("select * from {} order by event_id").format(_table(table))
            for row in cursor.execute(query).fetchall():
                del row["written_in"]
                own = {child: rows[row["event_id"]] for child, rows in parts.items()}
                found.append(Arrival(table, row, own))
    return found


def mix(arrivals: Iterable[Arrival], entities: dict[str, str], seed: int) -> list[Arrival]:
    """The events in the books of the mixed entities, touching more than before."""
    chance = random.Random(seed)
    mixed: list[Arrival] = []
    customers: dict[tuple[str, str], str] = {}
    for arrival in arrivals:
        row = dict(arrival.row)
        case, entity = row["entity_id"], entities[row["entity_id"]]
        row["entity_id"] = entity
        for name in (*_NAMES, *_FURTHER):
            if row.get(name) is not None:
                row[name] = f"{case.partition('/')[0]}:{row[name]}"
        if row.get("combined_with"):
            row["combined_with"] = [f"{case.partition('/')[0]}:{x}" for x in row["combined_with"]]
        if row.get("customer_id") is not None:
            # a few customers for all cases of an entity
            row["customer_id"] = f"K{_number(case + row['customer_id']) % 3}"
        if arrival.table == "contract_event":
            customers[entity, row["contract_id"]] = row["customer_id"]
        parts = {child: [dict(own) for own in rows] for child, rows in arrival.parts.items()}
        for line in parts.get("contract_line", ()):
            performer = line["performing_entity_id"]
            if performer is not None:
                line["performing_entity_id"] = entities.get(performer, performer)
        mixed.append(Arrival(arrival.table, row, parts))
    return mixed + _touching(mixed, customers, chance)


def _touching(
    mixed: list[Arrival], customers: dict[tuple[str, str], str], chance: random.Random
) -> list[Arrival]:
    """Change some events so that they touch others; returns further ones."""
    further: list[Arrival] = []
    usage = [a for a in mixed if a.table == "usage_event"]
    for arrival in usage:
        if _number(arrival.row["entity_id"]) % 3 == 0 and chance.random() < 0.3:
            arrival.row["contract_id"] = arrival.row["line_id"] = None
    for arrival in chance.sample(usage, len(usage) // 20):
        other = chance.choice(usage)
        same = arrival.row["entity_id"] == other.row["entity_id"]
        if same and other is not arrival:
            arrival.row |= {"usage_id": other.row["usage_id"], "is_collision": True}
    for arrival in mixed:
        if arrival.table == "invoice_event" and chance.random() < 0.03:
            arrival.row["contract_id"] = None
        owner = arrival.row.get("contract_id")
        customer = customers.get((arrival.row["entity_id"], owner)) if owner else None
        if arrival.table == "invoice_event" and customer and chance.random() < 0.06:
            further.append(_refund(arrival, customer, chance))
    return further


def _refund(invoice: Arrival, customer: str, chance: random.Random) -> Arrival:
    """Money back that names the customer, the contract, or the invoice alone."""
    shared = {
        name: invoice.row[name]
        for name in (
            *("source_system", "source_object", "source_version", "occurred_at", "recorded_at"),
            *("known_seq", "inbox_id", "entity_id", "payload_hash", "raw_uri"),
            *("schema_version", "adapter_version", "currency_code"),
        )
    }
    names = {"customer_id": customer, "contract_id": None, "invoice_id": None}
    kind = chance.choice(("customer", "contract", "invoice"))
    if kind == "contract":
        names = {**names, "customer_id": None, "contract_id": invoice.row["contract_id"]}
    if kind == "invoice":
        names = {**names, "customer_id": None, "invoice_id": invoice.row["invoice_id"]}
    identity = f"refund of {invoice.row['event_id']}"
    return Arrival(
        "payment_event",
        {
            **shared,
            **names,
            "event_id": identity,
            "source_id": identity,
            "event_type": "payment.refunded",
            "payment_id": identity,
            "paid_date": invoice.row["issued_date"],
            "amount_minor": chance.randint(100, 5000),
        },
    )


def waves(arrivals: Sequence[Arrival], seed: int, shares: Sequence[float]) -> list[list[Arrival]]:
    """The events in random order, cut so that each wave has its share of them; rates come first."""
    rates = [a for a in arrivals if a.table == "fx_rate_event"]
    others = [a for a in arrivals if a.table != "fx_rate_event"]
    random.Random(seed).shuffle(others)
    cut: list[list[Arrival]] = []
    begun = 0
    for number, share in enumerate(shares):
        end = len(others) if number == len(shares) - 1 else begun + int(share * len(others))
        cut.append(others[begun:end])
        begun = end
    cut[0] = [*rates, *cut[0]]
    return cut


def write_arrivals(connection: psycopg.Connection[Any], arrivals: Iterable[Arrival]) -> None:
    """Write the events and their parts in a transaction."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for arrival in arrivals:
        rows[arrival.table].append(arrival.row)
        for child, own in arrival.parts.items():
            rows[child] += own
    order = [*EVENTS, *(child for children in CHILDREN.values() for child in children)]
    with connection.transaction():
        for table in order:
            for row in rows.get(table, ()):
                connection.execute(
                    sql.SQL("insert into {} ({}) values ({})").format(
                        _table(table),
                        sql.SQL(", ").join(map(sql.Identifier, row)),
                        sql.SQL(", ").join(map(sql.Placeholder, row)),
                    ),
                    row,
                )


def read_marts(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Every row of every mart as text, in an order that does not depend on how it is stored."""
    names = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
    ).fetchall()
    connection.execute("set extra_float_digits = 1")
    found: dict[str, list[str]] = {}
    for (name,) in names:
        query = sql.SQL("select mart::text from {} as mart order by 1").format(
            sql.Identifier("marts", name)
        )
        found[name] = [row[0] for row in connection.execute(query).fetchall()]
    return found


def _table(name: str) -> sql.Identifier:
    return sql.Identifier("canonical", name)


def _number(text: str) -> int:
    return sum(ord(letter) * (place + 1) for place, letter in enumerate(text))
