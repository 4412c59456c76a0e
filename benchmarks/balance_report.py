"""What reading balances took, beside its goal."""

from typing import Final

from benchmarks.balance import REQUESTS_PER_SECOND, BalanceReads
from benchmarks.balance_clients import PATH, Answered
from benchmarks.overshoot_latency import percentile
from benchmarks.report import machine
from metering.cli.output import print_table, stdout

#: What 99 of 100 answers may take, in milliseconds.
GOAL_MS: Final = 50.0


def balance_json(found: BalanceReads) -> dict[str, object]:
    """Return what was found as a JSON value."""
    return {
        "machine": machine(),
        "tenants": found.tenants,
        "requests_per_second": REQUESTS_PER_SECOND,
        "goal_p99_ms": GOAL_MS,
        "alone": _answered_json(found.alone),
        "beside_events": _answered_json(found.beside_events),
    }


def _answered_json(one: Answered) -> dict[str, object]:
    figures = {key: round(value, 3) for key, value in _milliseconds(one).items()}
    return {
        "answered": len(one.latencies),
        "seconds": round(one.seconds, 3),
        "events_reported": one.events,
        "latency_ms": figures,
        "errors": one.errors,
    }


def _milliseconds(one: Answered) -> dict[str, float]:
    """Return what latencies came to; nothing where nothing was answered."""
    if not one.latencies:
        return {}
    shares = {f"p{share}": percentile(one.latencies, share) for share in (50, 99)}
    return {key: 1_000 * value for key, value in {**shares, "max": one.latencies[-1]}.items()}


def print_balance(found: BalanceReads) -> None:
    """Print what was found for people."""
    stdout().print(", ".join(f"{key} {value}" for key, value in machine().items()))
    title = f"GET /api{PATH}, {REQUESTS_PER_SECOND} a second, {found.tenants:,} tenants"
    columns = ("", "answers", "p50 ms", "p99 ms", "max ms", "errors", "goal of p99", "")
    rows = [_row("alone", found.alone), _row("while events arrive", found.beside_events)]
    print_table(title, columns, rows, left=1)


def _row(name: str, one: Answered) -> list[str]:
    figures = _milliseconds(one)
    met = not one.errors and figures.get("p99", GOAL_MS) < GOAL_MS
    events = f", {one.events / one.seconds:,.0f}/s" if one.events else ""
    errors = ", ".join(f"{count:,} x {what}" for what, count in sorted(one.errors.items()))
    return [
        name + events,
        f"{len(one.latencies):,}",
        *(f"{figures[key]:.1f}" if figures else "" for key in ("p50", "p99", "max")),
        errors or "0",
        f"under {GOAL_MS:g} ms",
        "met" if met else "missed",
    ]
