"""The two records of the CRM export, as strict models. Money is integer minor units."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, RootModel

from revenue_pipeline.domain.money import LARGEST_MINOR
from revenue_pipeline.sources.jsonlines import StrictModel

Name = Annotated[str, Field(min_length=1, max_length=200)]
Minor = Annotated[int, Field(ge=-LARGEST_MINOR, le=LARGEST_MINOR)]
# Exact numbers travel as text: a JSON number would pass through a float somewhere.
Exact = Annotated[str, Field(pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,12})?$")]


class OrderLine(StrictModel):
    """A promise; `amount_minor` is its price over all versions of the contract up to its end."""

    line_id: Name
    obligation_key: Name
    product_code: Name
    quantity: Exact
    amount_minor: Minor
    ssp_minor: Minor | None = None
    service_start_date: date
    service_end_date: date | None = None
    price_ref: Name | None = None
    usage_meter: Name | None = None
    unit_price_minor: Exact | None = None
    included_quantity: Exact = "0"


class OrderEntitlement(StrictModel):
    """A right to use a meter, given by a line."""

    line_id: Name
    meter: Name
    from_date: date
    to_date: date | None = None
    is_trial: bool = False


class Order(StrictModel):
    """One order: terms of a contract from `effective_date` on. An amendment restates all lines."""

    record: Literal["order"]
    order_id: Name
    order_type: Literal["new", "amendment", "renewal", "cancellation"]
    contract_id: Name
    contract_version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    account_id: Name
    signed_date: date
    effective_date: date
    end_date: date | None = None
    term_months: Annotated[int, Field(ge=1, le=1200)] | None = None
    replaces_contract_id: Name | None = None
    supersedes_from_date: date | None = None
    refund_minor: Annotated[int, Field(ge=0, le=LARGEST_MINOR)] = 0
    currency: Annotated[str, Field(min_length=1, max_length=10)]
    modified_at: AwareDatetime
    lines: tuple[OrderLine, ...] = ()
    entitlements: tuple[OrderEntitlement, ...] = ()


class Fulfilment(StrictModel):
    """A promised item was delivered on `fulfilled_date`."""

    record: Literal["fulfilment"]
    fulfilment_id: Name
    contract_id: Name
    line_id: Name
    fulfilled_date: date
    modified_at: AwareDatetime


class CrmRecord(RootModel[Annotated[Order | Fulfilment, Field(discriminator="record")]]):
    """Any record of the export."""
