"""The charge of a period in exact fractions, as docs/plans.md describes it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

from tests.model.scenario import Terms

ORDER = (
    *("input", "cached_read", "cache_write", "cache_write_long", "input_audio", "cached_audio"),
    *("input_image", "cached_image", "output", "reasoning", "output_audio", "output_image"),
    "quantity",
)
MILLION = Fraction(1_000_000)


class Sold(NamedTuple):
    """Usage at one price."""

    model: str
    bucket: str
    price: Fraction
    unit: str
    channel: str | None

    @property
    def place(self) -> tuple[str, int, Fraction]:
        return self.model, ORDER.index(self.bucket), -self.price


@dataclass(frozen=True)
class Line:
    kind: str
    amount: Fraction
    term: str | None = None
    model: str | None = None
    bucket: str | None = None
    quantity: Fraction | None = None
    unit: str | None = None
    unit_price: Fraction | None = None
    channel: str | None = None
    charge_period: str | None = None
    corrects: str | None = None
    reference: str | None = None

    @property
    def same(self) -> "Line":
        """The line without what a correction changes."""
        return replace(self, quantity=None, amount=Fraction(0))


@dataclass(frozen=True)
class Rated:
    """What one request or unit of a meter counts, and its price by bucket as of its commit."""

    counts: dict[str, Fraction]
    prices: dict[str, Fraction] | None
    """None: its price is not known."""
    model: str
    unit: str
    channel: str | None
    is_billable: bool

    @property
    def amount(self) -> Fraction:
        prices = self.prices or {}
        return sum((n * prices.get(b, Fraction(0)) for b, n in self.counts.items()), Fraction(0))


def lines_of(used: Iterable[Rated], terms: Terms) -> list[Line]:
    """Return the lines of a period's charge."""
    used = list(used)
    sold = _sold(used)
    left = dict(sold)
    lines = [
        _line("usage", None, of, count) for of, count in sold.items() if not _replaced(terms, of)
    ]
    allowances = list(enumerate(terms.get("allowance", ())))
    for number, allowance in allowances:
        if "tokens" in allowance:
            lines += _free(f"allowance.{number}", allowance, left, terms)
    lines += [*_tiers(terms, left), *_packages(terms, left)]
    rest = sum((line.amount for line in lines), Fraction(0))
    for number, allowance in allowances:
        free = min(Fraction(allowance.get("amount", "0")), rest)
        if free:
            rest -= free
            lines.append(_once("allowance", f"allowance.{number}", -free))
    requests = sum(one.is_billable for one in used if one.unit == "token")
    fee, base = (Fraction(terms.get(name, "0")) for name in ("request_fee", "base_fee"))
    if fee and requests:
        one_fee = Sold("", "", fee, "request", None)
        lines.append(_line("request_fee", "request_fee", one_fee, Fraction(requests)))
    if base:
        lines.append(_once("base_fee", "base_fee", base))
    short = Fraction(terms.get("minimum", "0")) - sum(line.amount for line in lines)
    if short > 0:
        lines.append(_once("minimum", "minimum", short))
    return lines


def _sold(used: Iterable[Rated]) -> dict[Sold, Fraction]:
    found: dict[Sold, Fraction] = {}
    for one in used:
        for bucket, count in one.counts.items() if one.prices is not None else ():
            of = Sold(one.model, bucket, (one.prices or {})[bucket], one.unit, one.channel)
            found[of] = found.get(of, Fraction(0)) + count
    return {of: found[of] for of in sorted(found, key=lambda of: of.place) if found[of]}


def _line(kind: str, term: str | None, of: Sold, count: Fraction) -> Line:
    return Line(
        kind,
        count * of.price,
        term,
        of.model or None,
        of.bucket or None,
        count,
        of.unit,
        of.price,
        of.channel,
    )


def _once(kind: str, term: str, amount: Fraction) -> Line:
    return Line(kind, amount, term, quantity=Fraction(1), unit="period", unit_price=amount)


def _is_in(meters: Iterable[dict[str, str]], of: Sold) -> bool:
    return any(
        meter.get("model", of.model) == of.model and meter.get("bucket", of.bucket) == of.bucket
        for meter in meters
    )


def _replaced(terms: Terms, of: Sold) -> bool:
    return any(
        _is_in(term["meters"], of) for name in ("tiers", "packages") for term in terms.get(name, ())
    )


def _free(term: str, allowance: Any, left: dict[Sold, Fraction], terms: Terms) -> Iterator[Line]:
    free = Fraction(allowance["tokens"])
    tokens = [of for of in left if of.unit == "token"]
    meters = allowance.get("meters")
    order = (
        tokens if meters is None else [of for one in meters for of in tokens if _is_in([one], of)]
    )
    for of in order:
        taken = min(free, left[of])
        free -= taken
        left[of] -= taken
        if taken:
            # What a tier or package prices has no value of its own: the term sees less of it.
            worth = of._replace(price=Fraction(0)) if _replaced(terms, of) else of
            yield _line("allowance", term, worth, -taken)


def _covered(meters: Iterable[dict[str, str]], left: dict[Sold, Fraction]) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for of, count in left.items():
        if count and _is_in(meters, of):
            found[of.unit] = found.get(of.unit, Fraction(0)) + count
    return found


def _named(meters: list[dict[str, str]]) -> tuple[str, str]:
    only = meters[0] if len(meters) == 1 else {}
    return only.get("model", ""), only.get("bucket", "")


def _tiers(terms: Terms, left: dict[Sold, Fraction]) -> Iterator[Line]:
    for number, tier in enumerate(terms.get("tiers", ())):
        for unit, total in _covered(tier["meters"], left).items():
            per_unit = MILLION if unit == "token" else Fraction(1)
            reached = Fraction(0)
            for place, step in enumerate(tier["steps"]):
                up_to = total if step["up_to"] is None else min(total, Fraction(step["up_to"]))
                part = up_to - reached
                if tier["mode"] == "volume":
                    part, reached = (
                        (total, total) if up_to == total > reached else (Fraction(0), reached)
                    )
                else:
                    reached = max(reached, up_to)
                if part > 0:
                    price = Fraction(step["price_per_million"]) / per_unit
                    of = Sold(*_named(tier["meters"]), price, unit, None)
                    yield _line("tier", f"tiers.{number}.steps.{place}", of, part)


def _packages(terms: Terms, left: dict[Sold, Fraction]) -> Iterator[Line]:
    for number, package in enumerate(terms.get("packages", ())):
        for total in _covered(package["meters"], left).values():
            begun, whole = Fraction(0), Fraction(package["size"])
            while begun * whole < total:
                begun += 1
            of = Sold(*_named(package["meters"]), Fraction(package["price"]), "package", None)
            yield _line("package", f"packages.{number}", of, begun)
