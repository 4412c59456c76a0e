"""What the tests of weeks, quarters and years share: how to use some, and what is counted."""

import json
from collections import Counter as Tally
from typing import Any

from metering.app.ingest.ingest import Message
from metering.core.basics.instants import MINUTE, Instant, format_instant, parse_instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.effect import EffectKind
from metering.core.plans.plan import read_plan
from tests.builders import body

type System = Any

OCTOBER = parse_instant("2026-10-01T00:00:00Z")
#: Two events of 1,100 tokens.
CAP = {"metric": "tokens", "window": "quarter", "limit": "2200", "action": "block"}
NOVEMBER = LedgerId("acme", parse_instant("2026-11-01T00:00:00Z"))
DECEMBER = LedgerId("acme", parse_instant("2026-12-01T00:00:00Z"))
IN_DECEMBER = DECEMBER.start + 10 * MINUTE


async def use(system: System, name: str, made: Instant, user: str | None = None) -> None:
    sent = body(id=name, time=format_instant(made), data__end_user=user)
    await system.ingest.batch([Message(sent, "0", 0)])


async def counted(system: System) -> dict[tuple[str, str, Instant], int]:
    """Return what the present ledger counts now: by window, label and start."""
    now = system.clock.now()
    ledger = LedgerId("acme", system.tenancy.directory.period_at("acme", now).start)
    counts = (await system.store.read_head(ledger)).head.counts
    quotas = {one.key: one for one in counts.limits.quotas}
    return {
        (quotas[key.quota].window, quotas[key.quota].label_of(key.values), key.start): one.used
        for key, one in counts.used.items()
        if one.used and one.end > now
    }


async def proven(system: System) -> None:
    for ledger in await system.store.ledgers():
        assert not (await system.verify.one(ledger)).faults


async def told(system: System) -> Tally[tuple[str, int, str]]:
    """Return how often each threshold of each window was told."""
    found = Tally[tuple[str, int, str]]()
    for ledger in await system.store.ledgers():
        for effect in await system.effects.effects_of(ledger, 1_000):
            if effect.kind is EffectKind.QUOTA:
                said = json.loads(effect.detail)
                found[said["about"], said["threshold"], said["window_start"]] += 1
    return found


async def on_plan(system: System, *quotas: dict[str, Any], **terms: Any) -> None:
    plan = {"id": "capped", "quotas": list(quotas), **terms}
    await system.tenancy.define_plan(read_plan("p", plan), None)
    await system.tenancy.assign_plan("acme", "capped", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def verdict(system: System) -> tuple[str, str | None]:
    overall = (await system.admission().of("sub-1")).overall
    return overall.verdict, overall.remaining
