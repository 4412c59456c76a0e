"""Spending beyond limits, beside an enforcement that checks every five minutes."""

from collections.abc import Sequence
from typing import Final

from benchmarks.overshoot import Crossing, NotMeasured, Overshoot, Scenario
from benchmarks.overshoot_latency import percentile
from metering.core.basics.money import format_amount

#: Seconds between two checks of the enforcement to compare with: the mean delay is half of it.
_CHECKS_EVERY_S: Final = 300
#: The goal for 99 of 100 answers of admission, in milliseconds.
ADMISSION_GOAL_MS: Final = 5.0


def overshoot_document(found: Overshoot) -> dict[str, object]:
    """Return the figures as a JSON object; money is strings."""
    latency_s = percentile(found.latency.visible, 99)
    admission = _percentiles(found.latency.admission)
    met = admission["p99"] < ADMISSION_GOAL_MS
    return {
        "overshoot": [
            _not_measured(each) if isinstance(each, NotMeasured) else _crossing(each, latency_s)
            for each in found.crossings
        ],
        "admission_ms": {**admission, "goal_p99": ADMISSION_GOAL_MS, "met": met},
        "event_to_balance_ms": _percentiles(found.latency.visible),
    }


def _scenario(one: Scenario) -> dict[str, object]:
    return {
        "clients": one.clients,
        "streamed": one.streamed,
        "cache_s": one.cache_s,
        "spent_before_percent": one.spent,
    }


def _not_measured(one: NotMeasured) -> dict[str, object]:
    return {**_scenario(one.scenario), "met": None, "not_measured": one.reason}


def _crossing(one: Crossing, latency_s: float) -> dict[str, object]:
    bound, met = one.bound(latency_s), one.is_met(latency_s)
    busy = f"busy machine: an event took {one.delay_s:.1f} s to the balance, {latency_s:.2f} alone"
    return {
        **_scenario(one.scenario),
        "requests_per_second": round(one.rate, 1),
        "limit": format_amount(one.scenario.limit),
        "beyond": format_amount(one.beyond),
        "beyond_share": round(one.share, 4),
        "beyond_seconds": round(one.seconds, 2),
        "bound": format_amount(round(bound)),
        "met": met,
        "first_block_s": round(one.blocked_after_s, 3),
        "last_answer_s": round(one.answered_after_s, 3),
        "false_blocks": one.blocked_before,
        "event_to_balance_s": round(one.delay_s, 3),
        "clients_never_blocked": one.still_open,
        "five_minute_mean": format_amount(round(one.let_through(_CHECKS_EVERY_S / 2))),
        "five_minute_most": format_amount(round(one.let_through(_CHECKS_EVERY_S))),
        "not_measured": busy if met is None else None,
    }


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": round(percentile(seconds, share) * 1_000, 3) for share in (50, 99)}
