"""What the documentation says a scenario comes to: an account in exact fractions."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction

from tests.model.charging import Line, Rated, lines_of
from tests.model.paying import burn
from tests.model.periods import Cycle, Span
from tests.model.rating import rated
from tests.model.scenario import Adjust, Close, Give, Price, Publish, Scenario, Terms, Use

DAY = timedelta(days=1)
DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
KINDS = ("absent", "estimated", "totals", "full")


@dataclass(frozen=True)
class Bill:
    """A statement: what is owed, line by line, and what the next one deducts."""

    period: str
    number: int
    lines: tuple[Line, ...]
    shown: tuple[Fraction, ...]
    """The lines rounded to the minor unit."""
    total: Fraction
    carried: Fraction


def to_minor_unit(amount: Fraction, currency: str) -> Fraction:
    """Round half to even, as Python rounds a fraction."""
    units = 10 ** DECIMALS[currency]
    return Fraction(round(amount * units), units)


@dataclass
class Account:
    """A tenant, from its set-up on."""

    scenario: Scenario
    bills: list[Bill] = field(default_factory=list)
    carried: Fraction = Fraction(0)
    published: list[tuple[Price, ...]] = field(default_factory=list)
    uses: dict[str, tuple[Use, Rated]] = field(default_factory=dict)
    grants: list[Give] = field(default_factory=list)
    left: dict[str, Fraction] = field(default_factory=dict)
    adjustments: list[Adjust] = field(default_factory=list)
    billed: dict[Span, list[Line]] = field(default_factory=dict)
    """The charge of each period as it was billed last."""
    closed: list[Span] = field(default_factory=list)

    @property
    def cycle(self) -> Cycle:
        return Cycle(self.scenario.zone, self.scenario.cycle, self.scenario.anchor)

    @property
    def currency(self) -> str:
        return self.scenario.currency

    def play(self) -> "Account":
        self.published.append(self.scenario.prices)
        for step in self.scenario.steps:
            match step:
                case Use():
                    self._count(step)
                case Give():
                    self.grants.append(step)
                    self.left[step.id] = Fraction(step.amount)
                case Adjust():
                    self.adjustments.append(step)
                case Publish():
                    self._publish(step)
                case Close():
                    self._close(step.at)
        return self

    def _count(self, use: Use) -> None:
        known = self.uses.get(use.id)
        if known is None or KINDS.index(use.evidence) > KINDS.index(known[0].evidence):
            self.uses[use.id] = use, rated(use, self.published, self._terms(use.time))

    def _publish(self, step: Publish) -> None:
        self.published.append(step.prices)
        for name, (use, before) in self.uses.items():
            if use.evidence == "absent" or not before.is_billable:
                continue
            new = rated(use, self.published, self._terms(use.time))
            if new.prices is not None and (step.everything or before.prices is None):
                self.uses[name] = use, new

    def _terms(self, at: datetime) -> Terms:
        later = [start for start, _ in self.scenario.plans[1:] if start is not None]
        return self.scenario.plans[bisect_right(later, at)][1]

    def _in(self, span: Span) -> list[tuple[Use, Rated]]:
        return [one for one in self.uses.values() if span.start <= one[0].time < span.end]

    def _charge(self, span: Span) -> list[Line]:
        return lines_of((one for _, one in self._in(span)), self._terms(span.start))

    def _close(self, at: datetime) -> None:
        if self.closed:
            span = self.cycle.at(self.closed[-1].end)
        else:
            first = min([self.scenario.began, *(use.time for use, _ in self.uses.values())])
            span = self.cycle.at(first)
        while at >= span.end + DAY:
            unpriced = any(one.prices is None for _, one in self._in(span))
            if unpriced and at < span.end + 4 * DAY:
                return
            self._bill(span)
            span = self.cycle.at(span.end)

    def _corrections(self, span: Span) -> list[Line]:
        found: list[Line] = []
        earlier = {self.cycle.at(use.time) for use, _ in self.uses.values()}
        for one in sorted(s for s in earlier if s.start < span.start):
            after = self._charge(one)
            before = self.billed.get(one) or lines_of((), self._terms(one.start))
            self.billed[one] = after
            if one not in self.closed:
                before, after = _without_minimum(before), _without_minimum(after)
            found += [
                replace(line, kind="correction", corrects=line.kind, charge_period=one.name)
                for line in _difference(before, after)
            ]
        return found

    def _bill(self, span: Span) -> None:
        own = self._charge(span)
        lines = [*own, *self._corrections(span)]
        lines += [
            Line("adjustment", Fraction(one.amount), reference=one.id, charge_period=one.about)
            for one in self.adjustments
            if span.start <= one.at < span.end
        ]
        if self.carried:
            lines.append(Line("carried_over", -self.carried))
        # Of the same instant, requests to models come first, then other meters, each by id.
        spends = [
            (use.time, of.channel, of.amount)
            for use, of in sorted(
                self._in(span), key=lambda one: (one[0].time, one[0].unit != "token", one[0].id)
            )
            if of.amount
        ]
        paid = burn(self.left, self.grants, lines, spends, span.end - timedelta(microseconds=1))
        for name, amount in sorted(paid.items()):
            self.left[name] -= amount
            lines.append(Line("credit", -amount, reference=name))
        exact = sum((line.amount for line in lines), Fraction(0))
        self.carried = max(-exact, Fraction(0))
        if self.carried:
            lines.append(Line("carried_forward", self.carried))
        self.billed[span] = own
        self.closed.append(span)
        self.bills.append(self._rounded(span, lines))

    def _rounded(self, span: Span, lines: list[Line]) -> Bill:
        shown = [to_minor_unit(line.amount, self.currency) for line in lines]
        exact = sum((line.amount for line in lines), Fraction(0))
        total = to_minor_unit(exact, self.currency)
        if total != exact or total != sum(shown):
            lines.append(Line("rounding", total - exact))
            shown.append(total - sum(shown))
        number = len(self.bills) + 1
        return Bill(span.name, number, tuple(lines), tuple(shown), total, self.carried)


def _without_minimum(lines: Iterable[Line]) -> list[Line]:
    return [line for line in lines if line.kind != "minimum"]


def _difference(before: Iterable[Line], after: Iterable[Line]) -> list[Line]:
    quantities: dict[Line, Fraction] = {}
    for lines, sign in ((before, -1), (after, 1)):
        for line in lines:
            assert line.quantity is not None
            known = quantities.get(line.same, Fraction(0))
            quantities[line.same] = known + sign * line.quantity
    return [
        replace(of, quantity=count, amount=count * (of.unit_price or 0))
        for of, count in quantities.items()
        if count
    ]
