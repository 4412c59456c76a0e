"""What was spent beyond limits, beside an enforcement that looks every five minutes."""

from collections.abc import Sequence
from typing import Final

from benchmarks.overshoot import Crossing, Overshoot
from benchmarks.overshoot_latency import percentile
from benchmarks.report import machine
from metering.cli.output import print_table, stdout
from metering.core.basics.money import format_amount

#: How often the enforcement to compare with looks, in seconds: half of it is the mean.
_LOOKS_EVERY_S: Final = 300
#: What 99 of 100 answers of admission may take, in milliseconds.
ADMISSION_GOAL_MS: Final = 5.0


def overshoot_json(found: Overshoot) -> dict[str, object]:
    """Return what was found as a JSON value; money is strings."""
    return {
        "machine": machine(),
        "overshoot": [_crossing_json(each, _latency_s(found)) for each in found.crossings],
        "admission_ms": _percentiles(found.latency.admission) | {"goal_p99": ADMISSION_GOAL_MS},
        "event_to_balance_ms": _percentiles(found.latency.visible),
    }


def _crossing_json(one: Crossing, latency_s: float) -> dict[str, object]:
    clients, streamed, cache_s, spent = one.scenario
    return {
        "clients": clients,
        "streamed": streamed,
        "cache_s": cache_s,
        "spent_before_percent": spent,
        "requests_per_second": round(one.rate, 1),
        "limit": format_amount(one.scenario.limit),
        "beyond": format_amount(one.beyond),
        "bound": format_amount(round(one.bound(latency_s))),
        "beyond_seconds": round(one.seconds, 2),
        "beyond_share": round(one.share, 4),
        "first_block_s": round(one.blocked_after_s, 3),
        "last_answer_s": round(one.answered_after_s, 3),
        "blocked_before_the_limit": one.blocked_before,
        "clients_never_blocked": one.still_open,
        "five_minute_mean": format_amount(round(one.let_through(_LOOKS_EVERY_S / 2))),
        "five_minute_most": format_amount(round(one.let_through(_LOOKS_EVERY_S))),
    }


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": round(percentile(seconds, share) * 1_000, 3) for share in (50, 99)}


def print_overshoot(found: Overshoot) -> None:
    """Print what was found for people."""
    stdout().print(", ".join(f"{key} {value}" for key, value in machine().items()))
    columns = (
        *("clients", "", "verdicts kept", "spent before"),
        *("requests/s", "limit", "beyond it", "of it", "of traffic", "bound", ""),
        *("first block", "last answer", "false blocks"),
        *("looking every 5 min: mean", "most"),
    )
    rows = [_row(each, _latency_s(found)) for each in found.crossings]
    print_table("Overshoot: what a tenant spends beyond its limit", columns, rows, left=2)
    admission, visible = (_percentiles(each) for each in found.latency)
    word = _word(met=admission["p99"] < ADMISSION_GOAL_MS)
    stdout().print(
        f"admission: p50 {admission['p50']:.3f} ms, p99 {admission['p99']:.3f} ms,"
        f" goal under {ADMISSION_GOAL_MS:g} ms: {word}"
    )
    stdout().print(f"event to balance: p50 {visible['p50']:.1f} ms, p99 {visible['p99']:.1f} ms")


def _row(one: Crossing, latency_s: float) -> list[str]:
    clients, streamed, cache_s, spent = one.scenario
    return [
        f"{clients:,}",
        "streams" if streamed else "",
        f"{cache_s} s",
        f"{spent} %",
        f"{one.rate:,.0f}",
        _money(one.scenario.limit),
        _money(one.beyond),
        f"{one.share:.1%}",
        f"{one.seconds:.2f} s",
        _money(one.bound(latency_s)),
        _word(met=one.beyond <= one.bound(latency_s)),
        f"{one.blocked_after_s:.2f} s",
        f"{one.answered_after_s:.2f} s",
        f"{one.blocked_before}",
        _money(one.let_through(_LOOKS_EVERY_S / 2)),
        _money(one.let_through(_LOOKS_EVERY_S)),
    ]


def _latency_s(found: Overshoot) -> float:
    """Return what 99 of 100 events take to the balance, in seconds."""
    return percentile(found.latency.visible, 99)


def _word(*, met: bool) -> str:
    return "met" if met else "missed"


def _money(amount: float) -> str:
    """Return an amount to four decimals, for people to compare."""
    return f"{amount / 10**18:.4f}"
