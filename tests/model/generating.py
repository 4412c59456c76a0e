"""Random scenarios: the same seed gives the same one."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.model.charging import ORDER
from tests.model.periods import Cycle, Span
from tests.model.rating import WEEKDAYS
from tests.model.scenario import (
    Adjust,
    Close,
    Give,
    Price,
    Publish,
    Scenario,
    Step,
    Terms,
    Use,
)

#: Half and quarter hours, half an hour of summer time, clocks that change at midnight, UTC+14.
ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu"),
    *("Australia/Lord_Howe", "Africa/Cairo", "America/Havana", "Pacific/Kiritimati"),
)
CURRENCIES = ("USD", "EUR", "JPY", "KWD")
#: Without a price until a version is published.
LATER = "delta"
METER = "lookup"
MODELS = {"alpha": "microsoft", "beta": "microsoft", "gamma": "marketplace", LATER: "microsoft"}
BUCKETS = ("input", "cached_read", "output")
PERIODS = {"monthly": 3, "weekly": 4, "daily": 4}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)


class Dice(Random):
    """Numbers as this domain has them."""

    def money(self, most: int, decimals: int = 3) -> str:
        whole = self.randint(1, most * 10**decimals)
        return f"{whole // 10**decimals}.{whole % 10**decimals:0{decimals}}"

    def tokens(self) -> str:
        """Mostly round numbers, so that totals meet the bounds of steps exactly."""
        return str(self.choice((self.randint(1, 9) * 100_000, self.randint(0, 3_000_000), 500_000)))

    def chance(self, of: float) -> bool:
        return self.random() < of

    def within(self, span: Span) -> datetime:
        """A time of its own in a period, the first and last instants too."""
        length = (span.end - span.start) // timedelta(microseconds=1)
        edge = self.choice((0, length - 1)) if self.chance(0.15) else self.randrange(length)
        return span.start + timedelta(microseconds=edge)


def scenario(seed: int) -> Scenario:
    dice = Dice(seed)
    zone = ZONES[seed % len(ZONES)]
    cycle = dice.choice(tuple(PERIODS))
    anchor = dice.randint(1, {"monthly": 31, "weekly": 7, "daily": 1}[cycle])
    calendar = Cycle(zone, cycle, anchor)
    # Clocks change in March and November, in Cairo in April and October.
    around = datetime(2026, dice.choice((2, 3, 4, 9, 10, 11)), 1, tzinfo=UTC)
    first = calendar.at(around + dice.randint(0, 27) * DAY)
    spans = [calendar.after(first, number) for number in range(PERIODS[cycle])]
    began = first.start + (first.end - first.start) / dice.randint(2, 6)
    currency = dice.choice(CURRENCIES)
    plans: list[tuple[datetime | None, Terms]] = [(None, _terms(dice, "first", currency))]
    if dice.chance(0.4):
        plans.append((dice.choice(spans[1:]).start, _terms(dice, "second", currency)))
    prices = tuple(_prices(dice, spans))
    steps = _steps(dice, calendar, spans, began, prices)
    return Scenario(seed, zone, cycle, anchor, began, prices, tuple(plans), tuple(steps))


def _prices(dice: Dice, spans: list[Span]) -> Any:
    for model, channel in MODELS.items():
        if model != LATER:
            yield Price(model, channel, LONG_AGO, _per_million(dice))
            if dice.chance(0.4):
                yield Price(model, channel, dice.within(dice.choice(spans)), _per_million(dice))
    yield Price(METER, "microsoft", LONG_AGO, {"quantity": dice.money(2)}, unit="query")


def _per_million(dice: Dice) -> dict[str, str]:
    return {bucket: dice.money(9) for bucket in BUCKETS}


def _terms(dice: Dice, name: str, currency: str) -> Terms:
    return {"id": name, "currency": currency, **_by_request(dice), **_by_period(dice)}


def _by_request(dice: Dice) -> Terms:
    terms: Terms = {}
    if dice.chance(0.2):
        terms |= {"charge_by": "total_tokens", "total_token_price_per_million": dice.money(5)}
    else:
        if dice.chance(0.5):
            terms["markup"] = dice.choice(("0.15", "-0.05", "0.333"))
        if dice.chance(0.3):
            terms["overrides"] = _overrides(dice)
        if dice.chance(0.3):
            terms["off_peak"] = _off_peak(dice)
    return terms


def _by_period(dice: Dice) -> Terms:
    terms: Terms = {}
    if dice.chance(0.4):
        terms["base_fee"] = dice.money(8)
    if dice.chance(0.3):
        terms["request_fee"] = dice.money(1, 5)
    if dice.chance(0.3):
        terms["minimum"] = dice.money(30)
    if dice.chance(0.5):
        terms["allowance"] = [_allowance(dice) for _ in range(dice.randint(1, 2))]
    places = [[{"model": "alpha"}], [{"model": "beta", "bucket": "output"}]]
    places += [[{"model": "gamma", "bucket": "input"}, {"model": "beta", "bucket": "input"}]]
    places += [[{"model": METER}]]
    dice.shuffle(places)
    if dice.chance(0.6):
        terms["tiers"] = [_tier(dice, places.pop()) for _ in range(dice.randint(1, 2))]
    if dice.chance(0.3):
        size = dice.choice((1, 2)) if places[-1] == [{"model": METER}] else 700_000
        terms["packages"] = [{"meters": places.pop(), "size": size, "price": dice.money(4)}]
    return terms


def _overrides(dice: Dice) -> list[dict[str, str]]:
    return [
        {"bucket": "output", "markup": "0.2"},
        {"model": "alpha", "markup": "-0.1"},
        {"model": "beta", "bucket": "input", "price_per_million": dice.money(6)},
    ][: dice.randint(1, 3)]


def _off_peak(dice: Dice) -> Any:
    days = sorted(dice.sample(WEEKDAYS, dice.randint(2, 6)), key=WEEKDAYS.index)
    night = {"from": "22:00", "to": "06:00", "multiplier": "0.5", "days": days}
    noon = {"from": "11:30", "to": "14:00", "multiplier": "0.125"}
    return {"time_zone": dice.choice(ZONES), "windows": [night, noon][: dice.randint(1, 2)]}


def _allowance(dice: Dice) -> Any:
    if dice.chance(0.4):
        return {"amount": dice.money(6)}
    free: dict[str, Any] = {"tokens": dice.choice((100_000, 500_000, 1_234_567))}
    if dice.chance(0.6):
        free["meters"] = [{"bucket": "output"}, {"model": "alpha", "bucket": "input"}]
    return free


def _tier(dice: Dice, meters: list[dict[str, str]]) -> Any:
    bounds = (1, 3) if meters[0]["model"] == METER else (500_000, 1_500_000)
    steps = [{"up_to": bound, "price_per_million": dice.money(7)} for bound in bounds]
    steps.append({"up_to": None, "price_per_million": dice.money(7)})
    return {"mode": dice.choice(("graduated", "volume")), "meters": meters, "steps": steps}


def _steps(
    dice: Dice, calendar: Cycle, spans: list[Span], began: datetime, prices: tuple[Price, ...]
) -> list[Step]:
    steps: list[Step] = []
    older = calendar.at(spans[0].start - DAY)
    for number, span in enumerate(spans):
        grants = range(dice.choice((0, 0, 1, 2, 3)))
        opens = max(span.start, began)
        steps += [_grant(dice, f"g{number}-{one}", span, opens) for one in grants]
        for use in range(dice.randint(1, 5)):
            steps += _uses(dice, f"u{number}-{use}", span, began)
        # Late: it belongs to a period before, or to one before the tenant was there.
        for use in range(dice.choice((0, 0, 1, 2))):
            of = dice.choice((older, *spans[:number]))
            steps += _uses(dice, f"late{number}-{use}", of, max(span.start, began))
        if dice.chance(0.4):
            at = opens + (span.end - opens) * dice.random()
            about = dice.choice((None, spans[0].name))
            amount = ("-" if dice.chance(0.6) else "") + dice.money(12)
            steps.append(Adjust(at, f"a{number}", amount, about))
        if dice.chance(0.7):
            steps.append(Close(span.end + DAY * dice.choice((1, 2, 3, 4, 5))))
    steps += _published(dice, spans, began, prices)
    steps.append(Close(spans[-1].end + 4 * DAY))
    steps.append(Close(calendar.at(spans[-1].end).end + 4 * DAY))
    # What happens at one moment happens in this order.
    kinds = (Publish, Give, Adjust, Use, Close)
    return sorted(steps, key=lambda step: (step.at, kinds.index(type(step))))


def _published(
    dice: Dice, spans: list[Span], began: datetime, prices: tuple[Price, ...]
) -> list[Publish]:
    ends = spans[-1].end + 2 * DAY
    found: list[Publish] = []
    if dice.chance(0.7):
        new = Price(LATER, MODELS[LATER], LONG_AGO, _per_million(dice))
        found.append(Publish(began + (ends - began) * dice.random(), "v-new", (new,), False))
    if dice.chance(0.5):
        old = dice.choice([one for one in prices if one.unit == "token"])
        again = Price(old.model, old.channel, old.since, _per_million(dice))
        at = began + (ends - began) * dice.random()
        found.append(Publish(at, "v-again", (again,), True))
    return found


def _grant(dice: Dice, name: str, span: Span, opens: datetime) -> Give:
    at = opens + (span.end - opens) * dice.random() / 2
    length = span.end - span.start
    start = dice.choice((span.start, at, span.start + length * 2 / 3, span.end))
    later = max(start, at) + length * dice.choice((0.1, 0.3, 0.5, 1.2))
    expiry = dice.choice((None, later, max(span.end, later)))
    channel = dice.choice((None, None, "microsoft", "marketplace"))
    amount = dice.money(dice.choice((3, 15, 40)))
    return Give(at, name, amount, start, expiry, dice.choice((0, 0, 0, -1, 5)), channel)


def _uses(dice: Dice, name: str, span: Span, opens: datetime) -> list[Use]:
    """An event, and sometimes what is known better of it later, and better again."""
    time = dice.within(span)
    at = max(time, opens) + HOUR * dice.choice((0, 0, 1, 30))
    if dice.chance(0.15):
        quantity = {"quantity": dice.money(3)}
        return [Use(at, name, time, METER, quantity, unit="query")]
    model = dice.choice((*("alpha", "beta", "gamma") * 3, LATER))
    if dice.chance(0.1):
        return [Use(at, name, time, model, {}, "absent", status=429)]
    ranks = dice.choice((("full",), ("full",), ("estimated", "totals", "full"), ("totals", "full")))
    found: list[Use] = []
    for rank in ranks[: dice.randint(1, len(ranks))]:
        counts = {bucket: dice.tokens() for bucket in BUCKETS if dice.chance(0.8)}
        found.append(Use(at, name, time, model, counts or {"output": "7"}, rank))
        at += (span.end - span.start) * dice.choice((0.01, 0.3, 1.1))
    return found


assert set(BUCKETS) <= set(ORDER)
