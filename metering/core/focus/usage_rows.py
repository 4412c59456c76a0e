"""FOCUS rows of usage: one row for each part of a count."""

from collections.abc import Mapping
from typing import Final

from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import Period
from metering.core.focus.row import (
    MILLION_TOKENS,
    MILLIONTHS,
    TOKENS,
    Consumed,
    FocusRow,
    Place,
    Priced,
    Provenance,
    Sku,
    decimal,
    unit_name,
)
from metering.core.focus.terms import Part, Term
from metering.core.focus.usage import Changed, Count, ListPrices
from metering.core.prices.price_book import TOKEN, PriceRow
from metering.core.usage.buckets import QUANTITY, QUANTITY_DECIMALS

METERS: Final[Mapping[str, str]] = {
    "input": "Input Tokens",
    "cached_read": "Cached Input Tokens",
    "cache_write": "Cache Write Tokens",
    "cache_write_long": "Long Cache Write Tokens",
    "input_audio": "Audio Input Tokens",
    "cached_audio": "Cached Audio Input Tokens",
    "input_image": "Image Input Tokens",
    "cached_image": "Cached Image Input Tokens",
    "output": "Output Tokens",
    "reasoning": "Reasoning Tokens",
    "output_audio": "Audio Output Tokens",
    "output_image": "Image Output Tokens",
}
_TERMS: Final[Mapping[Term, str]] = {
    "usage": "",
    "allowance": ", included in the plan's allowance",
    "tier": ", at the price of a tier of the plan",
    "package": ", included in packages of the plan",
    "replaced": ", priced by tiers or packages of the plan",
}


def usage_row(statement: Statement, changed: Changed, part: Part, prices: ListPrices) -> FocusRow:
    """Return the row of one part of a ledger's usage."""
    count = part.counted
    used, bucket, _ = count
    rate = used.rate
    meter = _meter(count)
    mark, ledger = statement.billed[changed.ledger], str(changed.ledger)
    return FocusRow(
        ("usage", ledger, *used, bucket, part.term, part.name, part.unit_price),
        "Usage",
        "Usage-Based",
        f"{rate.model or 'any model'}: {meter}{_TERMS[part.term]}",
        _day(used.day, changed.period),
        Priced(
            part.quantity,
            MILLION_TOKENS if rate.unit == TOKEN else unit_name(rate.unit),
            part.unit_price,
            prices.unit_price(count),
            MILLIONTHS,
        ),
        Provenance(
            part.term,
            ledger,
            *mark,
            part.name,
            rate.model,
            bucket,
            rate.channel,
        ),
        _sku(count, meter, prices),
        _consumed(part),
        _place(count),
        is_correction=changed.ledger != statement.ledger,
    )


def _day(start: Instant, period: Period) -> Period:
    """Return the part of a UTC day inside a period; periods in other time zones begin mid-day."""
    return Period(max(start, period.start), min(start + DAY, period.end), period.name)


def _meter(count: Count) -> str:
    return unit_name(count.used.rate.unit) if count.bucket == QUANTITY else METERS[count.bucket]


def _consumed(part: Part) -> Consumed:
    unit = part.counted.used.rate.unit
    if unit == TOKEN:
        return Consumed(decimal(part.quantity, 0), TOKENS)
    return Consumed(decimal(part.quantity, QUANTITY_DECIMALS), unit_name(unit))


def _place(count: Count) -> Place:
    rate, where = count.used.rate, count.used.where
    tags = {
        "subscription": where.subject,
        "product": where.product,
        "use_case": where.use_case,
    }
    return Place(
        where.deployment,
        where.region,
        None if rate.weights is None else (rate.row or "").removesuffix("/provisioned"),
        tags={name: value for name, value in tags.items() if value is not None},
    )


def _sku(count: Count, meter: str, prices: ListPrices) -> Sku:
    used, bucket, _ = count
    key = used.rate, used.listed, used.where.provider, bucket
    found = prices.skus.get(key)
    if found is None:
        found = prices.skus[key] = _new_sku(count, meter, prices)
    return found


def _new_sku(count: Count, meter: str, prices: ListPrices) -> Sku:
    used, bucket, _ = count
    model = used.rate.model or "any"
    id_ = f"{model}/{used.rate.unit if bucket == QUANTITY else bucket}"
    if used.listed is not None:
        row = prices.rows[used.listed]
        return Sku(id_, meter, f"{row.key}#{bucket}", _details(row, bucket), row.provider)
    origin = f"{used.rate.version}:{used.rate.row}/{model}#{bucket}"
    details = {"x_Model": model, "x_TokenKind": bucket, "x_PriceVersion": used.rate.version or ""}
    return Sku(id_, meter, origin, details, used.where.provider)


def _details(row: PriceRow, bucket: str) -> dict[str, str]:
    found = {
        "x_Model": row.model,
        "x_TokenKind": bucket,
        "x_DeploymentType": row.deployment_type,
        "x_Region": row.region,
        "x_ServiceTier": row.service_tier,
        "x_Provider": row.provider,
        "x_Channel": row.channel,
        "x_PriceVersion": row.version,
        "x_EffectiveFrom": format_instant(row.effective_from),
        "x_AboveTokens": None if row.above_tokens is None else str(row.above_tokens),
    }
    return {name: value for name, value in found.items() if value is not None}
