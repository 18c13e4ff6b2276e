"""Comparing computed figures with those of a case, by the rules of the cases.

1. A computed figure is rounded half up to the case's unit and may differ by its tolerance.
2. What is listed must match. An account missing from a balance is zero; a month missing inside a
   series has nothing. A longer period is the sum of its months.
3. Obligations are named freely where the lines carry no name: they are told by their lines.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from revenue_pipeline.cases.figures import Figures, Version
from revenue_pipeline.cases.files import Case
from revenue_pipeline.cases.months import months_of
from revenue_pipeline.cases.seeds import REVENUE
from revenue_pipeline.domain.money import currency, exponent, format_minor
from revenue_pipeline.domain.periods import periods
from revenue_pipeline.sources.cases.documents import DEBIT_ACCOUNTS

NOTHING = "nothing"


@dataclass(frozen=True)
class Difference:
    """A figure that does not match: what was expected and what came out, as text."""

    figure: str
    expected: str
    computed: str

    def __str__(self) -> str:
        return f"{self.figure}: expected {self.expected}, computed {self.computed}"


@dataclass(frozen=True)
class Expected:
    """An expected amount in minor units of its currency; cases may state parts of a unit."""

    amount: Decimal
    currency: str

    @classmethod
    def read(cls, text: str) -> "Expected":
        """Read "-12.34 USD"."""
        number, code = text.split(" ")
        # exact: both factors are short, far from the precision of the context
        return cls(Decimal(number) * 10 ** exponent(code), currency(code))

    def __str__(self) -> str:
        places = exponent(self.currency)
        return f"{self.amount.scaleb(-places):.{places}f} {self.currency}"


def round_half_up(minor: int, unit: int) -> int:
    """The multiple of `unit` nearest to `minor`; half goes away from zero."""
    sign = -1 if minor < 0 else 1
    return sign * ((2 * abs(minor) + unit) // (2 * unit)) * unit


def differences(case: Case, figures: Figures) -> list[Difference]:
    """Everything in which the figures are not those of the case, in the order of the case."""
    return list(_Comparison(case, figures).all())


class _Comparison:
    """One case against what was computed for it."""

    def __init__(self, case: Case, figures: Figures) -> None:
        self._case = case
        self._figures = figures
        self._expected = case.expected
        self._names = _Names(case, figures)

    def all(self) -> Iterator[Difference]:
        """Every difference."""
        for name, reason in self._figures.unreadable.items():
            if name in self._expected:
                yield Difference(name, "figures", reason)
        checks: dict[str, Callable[[Any], Iterator[Difference]]] = {
            "performance_obligations": self._performance_obligation,
            "modifications": self._modification,
            "transaction_price": self._transaction_price,
            "allocations": self._allocation,
            "revenue": self._revenue,
            "lifetime_revenue": self._lifetime,
            "catch_up": self._catch_up,
            "interest": self._interest,
            "balances": self._balance,
            "rpo": self._remaining,
        }
        for name, check in checks.items():
            for entry in self._readable(name):
                yield from check(entry)
        yield from self._journal()
        yield from self._repeated()

    def _readable(self, name: str) -> list[Mapping[str, Any]]:
        """What is listed under a name; nothing where `all` has said that it cannot be told."""
        return [] if name in self._figures.unreadable else list(self._expected.get(name, ()))

    def _amount(self, figure: str, text: str, computed: int | None) -> Iterator[Difference]:
        expected = Expected.read(text)
        per_unit = 10 ** exponent(expected.currency)
        convention = self._case.convention
        unit = max(1, int(Decimal(convention["minor_unit"]) * per_unit))
        tolerance = Decimal(convention["tolerance"]) * per_unit
        if computed is None:
            yield Difference(figure, str(expected), NOTHING)
        elif abs(round_half_up(computed, unit) - expected.amount) > tolerance:
            shown = f"{format_minor(computed, expected.currency)} {expected.currency}"
            yield Difference(figure, str(expected), shown)

    def _performance_obligation(self, entry: Mapping[str, Any]) -> Iterator[Difference]:
        figure = f"performance_obligations {entry['contract_id']} {entry['id']}"
        lines = frozenset(entry["lines"])
        contracts = self._figures.contracts_of(entry["contract_id"])
        found = [o for o in self._figures.obligations if o.contract_id in contracts]
        same = [o for o in found if o.lines == lines]
        if not same:
            touching = sorted(
                "+".join(sorted(obligation.lines))
                for obligation in found
                if obligation.lines & lines
            )
            yield Difference(figure, "+".join(sorted(lines)), ", ".join(touching) or NOTHING)
        elif "timing" in entry and same[0].timing != entry["timing"]:
            yield Difference(f"{figure} timing", entry["timing"], same[0].timing)

    def _modification(self, entry: Mapping[str, Any]) -> Iterator[Difference]:
        computed = self._figures.classifications.get(entry["modification_id"])
        if computed != entry["classification"]:
            figure = f"modifications {entry['modification_id']}"
            yield Difference(figure, entry["classification"], computed or NOTHING)

    def _transaction_price(self, entry: Mapping[str, Any]) -> Iterator[Difference]:
        rows = self._in_force(self._figures.prices, entry)
        yield from self._amount(
            f"transaction_price {entry['contract_id']} at {entry['as_of']}",
            entry["amount"],
            None if rows is None else self._in(entry["amount"], rows),
        )

    def _allocation(self, entry: Mapping[str, Any]) -> Iterator[Difference]:
        figure = f"allocations {entry['contract_id']} at {entry['as_of']}"
        rows = self._in_force(self._figures.allocations, entry)
        for name, text in entry["items"].items():
            keys = self._names.keys(name)
            own = [row for row in rows or () if row.obligation_key in keys]
            own = own or self._renewal_period(entry, name)
            yield from self._amount(f"{figure} {name}", text, self._in(text, own) if own else None)
        total = None if rows is None else self._in(entry["total"], rows)
        yield from self._amount(f"{figure} total", entry["total"], total)

    def _renewal_period(self, entry: Mapping[str, Any], name: str) -> list[Version]:
        """The period of expected renewals an item means: by its label, else by its place."""
        if entry.get("basis") != "practical_alternative":
            return []
        periods = self._in_force(self._figures.periods, entry) or []
        named = [row for row in periods if row.obligation_key == name]
        place = list(entry["items"]).index(name)
        return named or periods[place : place + 1]

    def _in_force(
        self, rows: tuple[Version, ...], entry: Mapping[str, Any]
    ) -> list[Version] | None:
        as_of = date.fromisoformat(entry["as_of"])
        return self._figures.in_force(rows, entry["contract_id"], as_of)

    def _in(self, text: str, rows: list[Version]) -> int | None:
        """Their sum, if prices of that contract are in the currency asked for."""
        package = rows[0].package_id
        wanted = text.rpartition(" ")[2]
        if self._figures.currencies.get(package, wanted) != wanted:
            return None
        return sum(row.amount_minor for row in rows)

    def _revenue(self, entry: Mapping[str, Any]) -> Iterator[Difference]:
        name = entry.get("performance_obligation")
        figure = " ".join(["revenue", entry["contract_id"], *([name] if name else [])])
        ids = None if name is None else self._names.ids(name)
        code = entry["total"].rpartition(" ")[2]
        months = self._figures.revenue(entry["contract_id"], code, ids)
        yield from self._series(figure, entry, months)

    def _interest(self, entry: Mapping[str, Any]) -> Iterator[Difference]:
        account = entry["account"]
        code = entry["total"].rpartition(" ")[2]
        sign = 1 if account in DEBIT_ACCOUNTS else -1
        months: dict[date, int] = {}
        for posting in self._figures.postings:
            if posting.account == account:
                amount = sign * posting.amount_in(code)
                months[posting.period] = months.get(posting.period, 0) + amount
        yield from self._series(f"interest {account}", entry, months)

    def _series(
        self, figure: str, entry: Mapping[str, Any], months: Mapping[date, int]
    ) -> Iterator[Difference]:
        """Each period, nothing in the months between them, and the total from first to last."""

        def over(chosen: Iterable[date]) -> int:
            return sum(months.get(month, 0) for month in chosen)

        code = entry["total"].rpartition(" ")[2]
        listed: dict[date, str] = {}
        for period, text in entry["by_period"].items():
            own = months_of(period)
            listed.update(dict.fromkeys(own, period))
            yield from self._amount(f"{figure} {period}", text, over(own))
        span = list(periods(min(listed), max(listed)))
        for month in span:
            if month not in listed:
                name = f"{figure} {month:%Y-%m}"
                yield from self._amount(name, f"0 {code}", over([month]))
        yield from self._amount(f"{figure} total", entry["total"], over(span))

    def _lifetime(self, entry: Mapping[str, Any]) -> Iterator[Difference]:
        code = entry["amount"].rpartition(" ")[2]
        total = sum(self._figures.revenue(entry["contract_id"], code).values())
        yield from self._amount(f"lifetime_revenue {entry['contract_id']}", entry["amount"], total)

    def _catch_up(self, entry: Mapping[str, Any]) -> Iterator[Difference]:
        figure = f"catch_up {entry['event_id']} {entry['period']}"
        by_key = self._caught_up(entry)
        yield from self._amount(figure, entry["amount"], sum(by_key.values()))
        for name, text in entry.get("by_performance_obligation", {}).items():
            keys = self._names.keys(name)
            own = sum(amount for key, amount in by_key.items() if key in keys)
            yield from self._amount(f"{figure} {name}", text, own)

    def _caught_up(self, entry: Mapping[str, Any]) -> dict[str, int]:
        """By obligation key: of a late event what the first open month took for closed ones."""
        event = self._case.event(entry["event_id"])
        contracts = self._figures.contracts_of(
            self._figures.packages.get(contract := self._case.contract_of(event), contract)
        )
        months = set(months_of(entry["period"]))
        code = entry["amount"].rpartition(" ")[2]
        sums: dict[str, int] = {}
        if self._case.is_late(event):
            keys = {o.obligation_id: o.obligation_key for o in self._figures.obligations}
            for posting in self._figures.late:
                if (
                    posting.account == REVENUE
                    and posting.contract_id in contracts
                    and posting.period in months
                ):
                    key = keys.get(posting.obligation_id, posting.obligation_id)
                    sums[key] = sums.get(key, 0) - posting.amount_in(code)
            return sums
        day = date.fromisoformat(event["data"].get("effective_date", event["occurred_on"]))
        if event["type"] == "contract_modified":  # agreed too late: caught up on the day
            day = max(day, date.fromisoformat(event["occurred_on"]))
        for row in self._figures.catch_ups:
            if row.package_id in contracts and row.effective_date == day and row.period in months:
                sums[row.obligation_key] = sums.get(row.obligation_key, 0) + row.amount_minor
        return sums

    def _balance(self, entry: Mapping[str, Any]) -> Iterator[Difference]:
        as_of = date.fromisoformat(entry["as_of"])
        entity = entry.get("entity_id")
        where = f"balances at {entry['as_of']}" + (f" of {entity}" if entity else "")
        entity_id = f"{self._case.case_id}/{entity}" if entity else None
        code = next(iter(entry["accounts"].values())).rpartition(" ")[2]
        computed: dict[str, int] = {}
        for posting in self._figures.postings:
            if posting.day <= as_of and entity_id in {None, posting.entity_id}:
                sign = 1 if posting.account in DEBIT_ACCOUNTS else -1
                amount = sign * posting.amount_in(code)
                computed[posting.account] = computed.get(posting.account, 0) + amount
        accounts = entry["accounts"]
        for account in dict.fromkeys([*accounts, *sorted(computed)]):
            yield from self._amount(
                f"{where} {account}", accounts.get(account, f"0 {code}"), computed.get(account, 0)
            )

    def _remaining(self, entry: Mapping[str, Any]) -> Iterator[Difference]:
        as_of = date.fromisoformat(entry["as_of"])
        contract = entry.get("contract_id")
        figure = " ".join(["rpo", *([contract] if contract else []), "at", entry["as_of"]])
        contracts = None if contract is None else self._figures.contracts_of(contract)
        rows = [
            row
            for row in self._figures.remaining
            if row.as_of == as_of and (contracts is None or row.contract_id in contracts)
        ]
        yield from self._amount(
            f"{figure} total", entry["total"], sum(row.amount_minor for row in rows)
        )
        for band in entry.get("bands", ()):
            months = set(months_of(band["period"]))
            own = sum(row.amount_minor for row in rows if row.expected_period in months)
            yield from self._amount(f"{figure} {band['period']}", band["amount"], own)

    def _journal(self) -> Iterator[Difference]:
        """Per listed date and account: what moved that day, else since the listed date before."""
        listed: dict[date, dict[str, Decimal]] = {}
        code = self._case.functional_currency
        for entry in self._readable("journal"):
            accounts = listed.setdefault(date.fromisoformat(entry["date"]), {})
            for line in entry["lines"]:
                expected = Expected.read(line.get("debit") or line.get("credit"))
                code = expected.currency
                signed = expected.amount if "debit" in line else -expected.amount
                accounts[line["account"]] = accounts.get(line["account"], Decimal(0)) + signed
        before = date.min
        for day in sorted(listed):
            for account, amount in listed[day].items():
                yield from self._entry(day, before, account, Expected(amount, code))
            before = day

    def _entry(
        self, day: date, before: date, account: str, expected: Expected
    ) -> Iterator[Difference]:
        that_day = since = 0
        for posting in self._figures.postings:
            if posting.account == account and before < posting.day <= day:
                amount = posting.amount_in(expected.currency)
                since += amount
                that_day += amount if posting.day == day else 0
        figure = f"journal {day} {account} (debit positive)"
        text = str(expected)
        found = list(self._amount(figure, text, that_day))
        if found and not list(self._amount(figure, text, since)):
            return
        yield from found

    def _repeated(self) -> Iterator[Difference]:
        if "ignored_events" in self._expected:
            wanted = {e["id"]: int(Decimal(e["times"])) for e in self._expected["ignored_events"]}
            for event_id in dict.fromkeys([*wanted, *self._figures.ignored]):
                expected, computed = wanted.get(event_id, 0), self._figures.ignored.get(event_id, 0)
                if expected != computed:
                    figure = f"ignored_events {event_id}"
                    yield Difference(figure, f"{expected} times", f"{computed} times")
        if "rejected_events" in self._expected:
            listed = {entry["id"] for entry in self._expected["rejected_events"]}
            for event_id in sorted(listed ^ self._figures.rejected):
                found = event_id in self._figures.rejected
                yield Difference(
                    f"rejected_events {event_id}",
                    "accepted" if found else "rejected",
                    "rejected" if found else "accepted",
                )


class _Names:
    """Which computed obligations a name of the case stands for."""

    def __init__(self, case: Case, figures: Figures) -> None:
        self._figures = figures
        self._lines: dict[str, frozenset[str]] = {}
        if not case.names_obligations:
            for entry in case.expected.get("performance_obligations", ()):
                self._lines[entry["id"]] = frozenset(entry["lines"])

    def keys(self, name: str) -> frozenset[str]:
        """Obligation keys; by lines where the case's own names are free."""
        lines = self._lines.get(name)
        if lines is None:
            return frozenset({name})
        return frozenset(o.obligation_key for o in self._figures.obligations if o.lines == lines)

    def ids(self, name: str) -> frozenset[str]:
        """Obligation ids of those keys."""
        keys = self.keys(name)
        return frozenset(
            o.obligation_id for o in self._figures.obligations if o.obligation_key in keys
        )
