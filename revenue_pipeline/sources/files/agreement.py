"""What is agreed about a CSV file: its columns, formats, keys and what its rows mean."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from revenue_pipeline.domain.errors import ConfigurationError, UnknownCurrencyError
from revenue_pipeline.domain.money import currency
from revenue_pipeline.settings import Settings

BUILT_IN = Path(__file__).with_name("agreements")

Kind = Literal["text", "date", "instant", "integer", "quantity", "money", "price", "flag", "enum"]
ObjectType = Literal["contract", "entitlement", "invoice", "usage", "credit", "payment"]

# What a row of each object may fill; "!" marks what it must. Money is read by `money_unit`.
TARGETS: dict[str, dict[str, str]] = {
    "contract": {
        "event_type": "enum",
        "contract_id": "text!",
        "contract_version": "integer",
        "customer_id": "text!",
        "signed_date": "date!",
        "effective_date": "date!",
        "end_date": "date",
        "term_months": "integer",
        "replaces_contract_id": "text",
        "supersedes_from_date": "date",
        "refund": "money",
        "line_id": "text!",
        "obligation_key": "text",
        "product_code": "text!",
        "quantity": "quantity!",
        "amount": "money!",
        "standalone_price": "money",
        "service_start_date": "date!",
        "service_end_date": "date",
        "price_ref": "text",
        "usage_meter": "text",
        "unit_price": "price",
        "included_quantity": "quantity",
    },
    "entitlement": {
        "event_type": "enum",
        "contract_id": "text!",
        "line_id": "text!",
        "customer_id": "text!",
        "meter": "text!",
        "from_date": "date!",
        "to_date": "date",
        "is_trial": "flag",
    },
    "invoice": {
        "event_type": "enum",
        "invoice_id": "text!",
        "invoice_number": "text",
        "contract_id": "text",
        "customer_id": "text!",
        "issued_date": "date!",
        "due_date": "date",
        "invoice_line_id": "text!",
        "contract_line_id": "text",
        "product_code": "text",
        "quantity": "quantity",
        "amount": "money!",
        "tax": "money",
        "period_start_date": "date",
        "period_end_date": "date",
        "price_ref": "text",
        "is_proration": "flag",
    },
    "usage": {
        "usage_id": "text!",
        "customer_id": "text!",
        "contract_id": "text",
        "meter": "text!",
        "quantity": "quantity!",
        "usage_at": "instant!",
    },
    "credit": {
        "event_type": "enum",
        "credit_id": "text!",
        "invoice_id": "text",
        "contract_id": "text",
        "customer_id": "text!",
        "issued_date": "date!",
        "cause": "text",
        "amount": "money!",
        "tax": "money",
    },
    "payment": {
        "event_type": "enum!",
        "payment_id": "text!",
        "invoice_id": "text",
        "contract_id": "text",
        "customer_id": "text!",
        "paid_date": "date!",
        "amount": "money!",
    },
}
_WITHOUT_MONEY = {"entitlement", "usage"}


class _Agreed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _column_by_name(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


class Expression(_Agreed):
    """Where a value comes from: a column or a constant.

    `values` maps cell texts (any other text is a dead letter). `times` multiplies an amount by a
    whole number. `zero_if` names a column: where it is true, the amount is 0.
    """

    column: str | None = None
    constant: str | int | bool | None = None
    values: dict[str, str] | None = None
    times: "Annotated[Expression, BeforeValidator(_column_by_name)] | None" = None
    zero_if: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("name either a column or a constant")
        if self.values is not None and self.column is None:
            raise ValueError("values translate a column")
        return self

    def columns(self) -> set[str]:
        """All columns it reads."""
        own = {name for name in (self.column, self.zero_if) if name is not None}
        return own | (self.times.columns() if self.times is not None else set())


FieldExpression = Annotated[Expression, BeforeValidator(_column_by_name)]


class EventMapping(_Agreed):
    """One canonical event made of every row."""

    object_type: ObjectType
    fields: dict[str, FieldExpression]

    @model_validator(mode="after")
    def _known_and_complete(self) -> Self:
        targets = TARGETS[self.object_type]
        unknown = self.fields.keys() - targets.keys()
        missing = {name for name, kind in targets.items() if kind[-1] == "!"} - self.fields.keys()
        if unknown:
            raise ValueError(f"{self.object_type} has no {', '.join(sorted(unknown))}")
        if missing:
            raise ValueError(f"{self.object_type} lacks {', '.join(sorted(missing))}")
        return self


class Agreement(_Agreed):
    """A file agreement. `columns` is the header, in order; `key` identifies a row for ever."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
    version: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$")] = "1"
    description: str
    tenant: Annotated[str, Field(min_length=1, max_length=200)] = "default"
    columns: tuple[str, ...]
    key: Annotated[tuple[str, ...], Field(min_length=1)]
    delimiter: Literal[",", ";", "\t", "|"] = ","
    encoding: Literal["utf-8"] = "utf-8"
    decimal_mark: Literal[".", ","] = "."
    money_unit: Literal["major", "minor"] = "major"
    currency: FieldExpression | None = None
    time_zone: ZoneInfo = ZoneInfo("UTC")
    date_format: str = "%Y-%m-%d"
    true_values: tuple[str, ...] = ("true", "True")
    false_values: tuple[str, ...] = ("false", "False")
    events: Annotated[tuple[EventMapping, ...], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _zone(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("time_zone"), str):
            try:
                return {**data, "time_zone": ZoneInfo(data["time_zone"])}
            except (ZoneInfoNotFoundError, ValueError):
                raise ValueError(f"unknown time zone {data['time_zone']!r}") from None
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.columns)) != len(self.columns):
            raise ValueError("a column stands twice")
        used = set(self.key) | (self.currency.columns() if self.currency else set())
        for event in self.events:
            for field in event.fields.values():
                used |= field.columns()
        if used - set(self.columns):
            raise ValueError(f"unknown columns {', '.join(sorted(used - set(self.columns)))}")
        if self.currency is None and any(e.object_type not in _WITHOUT_MONEY for e in self.events):
            raise ValueError("amounts need a currency: a constant or a column")
        if self.currency is not None and self.currency.constant is not None:
            try:
                currency(str(self.currency.constant))
            except UnknownCurrencyError as error:
                raise ValueError(str(error)) from None
        example = datetime(2025, 11, 30)  # noqa: DTZ001 - only its date is looked at
        written = example.strftime(self.date_format)
        if datetime.strptime(written, self.date_format).date() != example.date():  # noqa: DTZ007
            raise ValueError("date_format does not name a full date")
        return self


def load_agreements(settings: Settings) -> dict[str, Agreement]:
    """Built-in agreements and those in REVENUE_AGREEMENTS, by name."""
    return _load(settings.agreements)


@lru_cache(maxsize=8)
def _load(extra: Path | None) -> dict[str, Agreement]:
    if extra is not None and not extra.is_dir():
        raise ConfigurationError(f"REVENUE_AGREEMENTS: {extra} is not a folder")
    found: dict[str, Agreement] = {}
    for folder in (BUILT_IN, extra):
        for file in sorted(folder.glob("*.yml")) if folder is not None else ():
            agreement = read_agreement(file)
            if agreement.name in found:
                raise ConfigurationError(f"{file}: there is already an agreement {agreement.name}")
            found[agreement.name] = agreement
    return found


def read_agreement(file: Path) -> Agreement:
    """Read one agreement. Raises ConfigurationError with the place of the first fault."""
    try:
        return Agreement.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise ConfigurationError(f"{file}: {place}: {fault['msg']}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: is not YAML: {' '.join(str(error).split())}") from None
