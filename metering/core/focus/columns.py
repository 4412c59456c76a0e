"""The columns of FOCUS 1.2, dataset Cost and Usage, and how one charge fills them.

Source: FOCUS Specification 1.2 (FinOps Foundation), as checked by focus-validator 2.2.1. Every
column of the dataset is present; columns without data are empty. Custom columns begin with `x_` and
come last.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Final

from metering.core.basics.columns import Column, Kind
from metering.core.basics.csv_text import Cell
from metering.core.basics.instants import format_instant
from metering.core.basics.money import AMOUNT_DECIMALS
from metering.core.billing.statement import Statement
from metering.core.focus.row import FocusRow, Place, Priced, decimal

COLUMNS: Final = (
    *("AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName"),
    *("BillingAccountType", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart"),
    *("CapacityReservationId", "CapacityReservationStatus", "ChargeCategory", "ChargeClass"),
    *("ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart"),
    *("CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName"),
    *("CommitmentDiscountQuantity", "CommitmentDiscountStatus", "CommitmentDiscountType"),
    *("CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit", "ContractedCost"),
    *("ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost"),
    *("ListUnitPrice", "PricingCategory", "PricingCurrency"),
    *("PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost"),
    *("PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit", "ProviderName"),
    *("PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType"),
    *("ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter"),
    *("SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName", "SubAccountType", "Tags"),
    *("x_RowId", "x_LineKind", "x_PlanTerm", "x_Model", "x_Bucket", "x_Channel", "x_Ledger"),
    *("x_LedgerPage", "x_LedgerPageHash", "x_StatementHash", "x_Reference", "x_Author"),
    "x_Provisional",
)
_DECIMALS: Final = ("Cost", "Price", "Quantity")
_TIMES: Final = ("PeriodStart", "PeriodEnd")


def _kind(name: str) -> Kind:
    """Return the kind of a column: FOCUS names those of one type alike."""
    if name.endswith(_DECIMALS):
        return Kind.DECIMAL
    if name.endswith(_TIMES):
        return Kind.TIME
    return Kind.COUNT if name == "x_LedgerPage" else Kind.TEXT


#: The columns with their kinds.
TABLE: Final = tuple(Column(name, _kind(name)) for name in COLUMNS)

#: Texts that are kept: rows repeat their prices and what they are tagged with.
_KEPT: Final = 4096
_encoded: Final = json.JSONEncoder(ensure_ascii=False).encode
#: The JSON of one part of a row's key.
_part: Final = lru_cache(_KEPT, typed=True)(_encoded)
_in_order: Final[Callable[[Mapping[str, Cell]], tuple[Cell, ...]]] = itemgetter(*COLUMNS)


class RowCells:
    """Makes the cells of a statement's rows."""

    def __init__(self, statement: Statement, issuer: str, *, is_provisional: bool = False) -> None:
        """Fill what all rows have alike; `issuer` sends the invoice.

        A provisional row is of a draft: there is no invoice and no statement yet.
        """
        self._issuer = issuer
        draft = ["provisional"] if is_provisional else []
        self._named = ", ".join(map(_part, (*draft, str(statement.ledger), statement.number)))
        self._alike = {
            **dict.fromkeys(COLUMNS),
            **_bill(statement, issuer),
            "x_StatementHash": None if is_provisional else statement.hash,
            "x_Provisional": "true" if is_provisional else "false",
        }
        if is_provisional:
            self._alike["InvoiceId"] = None

    def cells(self, row: FocusRow) -> tuple[Cell, ...]:
        """Return the cells of a row in the order of COLUMNS."""
        filled = {
            **self._alike,
            **_charge(row),
            **_costs(row.priced),
            **_sku(row, self._issuer),
            **_place(row.place),
            **_own(row),
            "x_RowId": self._row_id(row),
        }
        return _in_order(filled)

    def _row_id(self, row: FocusRow) -> str:
        """Return an id that is unique over all deliveries and the same each time it is made."""
        key = ", ".join(map(_part, row.key))
        return hashlib.sha256(f"[{self._named}, {key}]".encode()).hexdigest()


def _bill(statement: Statement, issuer: str) -> dict[str, Cell]:
    tenant = statement.ledger.tenant
    return {
        "BillingAccountId": issuer,
        "BillingAccountName": issuer,
        "BillingAccountType": "Issuer",
        "BillingCurrency": statement.currency,
        "BillingPeriodStart": format_instant(statement.period.start),
        "BillingPeriodEnd": format_instant(statement.period.end),
        "InvoiceId": f"{tenant}/{statement.number}",
        "InvoiceIssuerName": issuer,
        "PricingCurrency": statement.currency,
        "ProviderName": issuer,
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Language models",
        "ServiceSubcategory": "Generative AI",
        "SubAccountId": tenant,
        "SubAccountName": tenant,
        "SubAccountType": "Tenant",
    }


def _charge(row: FocusRow) -> dict[str, Cell]:
    return {
        "ChargeCategory": row.category,
        "ChargeClass": "Correction" if row.is_correction else None,
        "ChargeDescription": row.description,
        "ChargeFrequency": row.frequency,
        "ChargePeriodStart": format_instant(row.period.start),
        "ChargePeriodEnd": format_instant(row.period.end),
        "ConsumedQuantity": None if row.consumed is None else row.consumed.quantity,
        "ConsumedUnit": None if row.consumed is None else row.consumed.unit,
    }


def _costs(priced: Priced) -> dict[str, Cell]:
    cost, contracted = decimal(priced.cost, AMOUNT_DECIMALS), priced.price(priced.contracted)
    listed = priced.price(priced.listed)
    list_cost = priced.list_cost
    return {
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ContractedCost": cost,
        "ContractedUnitPrice": contracted,
        "ListCost": cost if list_cost == priced.cost else decimal(list_cost, AMOUNT_DECIMALS),
        "ListUnitPrice": listed,
        "PricingCurrencyContractedUnitPrice": contracted,
        "PricingCurrencyEffectiveCost": cost,
        "PricingCurrencyListUnitPrice": listed,
        "PricingQuantity": decimal(priced.quantity, priced.decimals),
        "PricingUnit": priced.unit,
    }


def _sku(row: FocusRow, issuer: str) -> dict[str, Cell]:
    if row.sku is None:
        return {"PublisherName": issuer}
    return {
        "PricingCategory": "Standard",
        "PublisherName": row.sku.publisher or issuer,
        "SkuId": row.sku.id,
        "SkuMeter": row.sku.meter,
        "SkuPriceId": row.sku.price_id,
        "SkuPriceDetails": _json(row.sku.details),
    }


def _place(place: Place) -> dict[str, Cell]:
    status = "Unused" if place.is_idle else "Used"
    return {
        "CapacityReservationId": place.capacity,
        "CapacityReservationStatus": None if place.capacity is None else status,
        "RegionId": place.region,
        "RegionName": place.region,
        "ResourceId": place.resource,
        "ResourceName": place.resource,
        "ResourceType": None if place.resource is None else "Model deployment",
        "Tags": _json(place.tags),
    }


def _own(row: FocusRow) -> dict[str, Cell]:
    of = row.provenance
    return {
        "x_LineKind": of.kind,
        "x_PlanTerm": of.term,
        "x_Model": of.model,
        "x_Bucket": of.bucket,
        "x_Channel": of.channel,
        "x_Ledger": of.ledger,
        "x_LedgerPage": of.page,
        "x_LedgerPageHash": of.page_hash,
        "x_Reference": of.reference,
        "x_Author": of.author,
    }


def _json(pairs: Mapping[str, str]) -> str:
    return _sorted_json(tuple(sorted(pairs.items())))


@lru_cache(_KEPT)
def _sorted_json(pairs: tuple[tuple[str, str], ...]) -> str:
    return _encoded(dict(pairs))
