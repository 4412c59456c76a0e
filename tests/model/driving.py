"""Plays a scenario on the product: its use cases over the embedded store."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from metering.adapters.sqlite.database import Database
from metering.app.ingest.ingest import Message
from metering.bootstrap import sqlite_stores
from metering.core.basics.instants import parse_instant
from metering.core.calendars.calendar import Calendar
from metering.core.ledger.rerating import Scope
from metering.core.plans.plan import read_plan
from metering.core.tenancy.adjustment_records import AdjustmentOffer
from metering.core.tenancy.grant_records import GrantOffer
from metering.documents.billing.statements import StatementDocument
from tests.builders import price_file
from tests.model.scenario import Adjust, Close, Give, Price, Publish, Scenario, Use
from tests.systems import System

TENANT = "acme"


async def statements(scenario: Scenario, store: Path) -> list[dict[str, Any]]:
    """Return the statements that the product writes, as its commands and its API show them."""
    database = Database(store)
    try:
        return await _Driver(scenario, database).play()
    finally:
        await database.close()


class _Driver:
    def __init__(self, scenario: Scenario, database: Database) -> None:
        self._scenario = scenario
        self._system = System(sqlite_stores(database))
        self._system.app.tenancy.committed = ()
        self._waiting: list[bytes] = []

    async def play(self) -> list[dict[str, Any]]:
        await self._set_up()
        for step in self._scenario.steps:
            if self._waiting and (not isinstance(step, Use) or _instant(step.at) != self._now):
                await self._send()
            self._system.clock.set(self._to(step.at))
            match step:
                case Use():
                    self._waiting.append(_event(step))
                case Give():
                    await self._give(step)
                case Adjust():
                    offer = AdjustmentOffer(
                        TENANT, step.amount, "a test", "ada", step.about, step.id
                    )
                    await self._system.tenancy.adjust(offer)
                case Publish():
                    await self._publish(step)
                case Close():
                    await self._system.close(self._system.clock.now())
        found = [one async for one in self._system.read_statements.every(TENANT)]
        faults = [
            fault
            async for one in self._system.read_statements.verify(TENANT)
            for fault in one.faults
        ]
        assert not faults, f"{self._scenario}\nverify --statement: {faults}"
        return [StatementDocument.of(one, is_draft=False).model_dump() for one in found]

    def _to(self, time: datetime) -> int:
        self._now = _instant(time)
        return self._now

    async def _set_up(self) -> None:
        of, tenancy = self._scenario, self._system.tenancy
        self._system.clock.set(self._to(of.began))
        await tenancy.publish_prices("v-first", _file("v-first", of.currency, of.prices))
        calendar = Calendar.model_validate_strings(
            {"cycle": of.cycle, "anchor": str(of.anchor), "time_zone": of.zone}
        )
        await tenancy.set_calendar(TENANT, calendar, None)
        for start, terms in of.plans:
            plan = read_plan("plan.yaml", terms)
            await tenancy.define_plan(plan, None)
            since = None if start is None else _instant(start)
            await tenancy.assign_plan(TENANT, plan.id, since)
        await tenancy.map_subject("sub-1", TENANT, None)

    async def _send(self) -> None:
        messages = [Message(body, "0", number) for number, body in enumerate(self._waiting)]
        self._waiting.clear()
        done = await self._system.ingest.batch(messages)
        assert not done.dead_letters, done

    async def _give(self, step: Give) -> None:
        offer = GrantOffer(
            TENANT,
            step.amount,
            expiry=None if step.expiry is None else _instant(step.expiry),
            id=step.id,
            start=_instant(step.start),
            priority=step.priority,
            channel=step.channel,  # type: ignore[arg-type]
        )
        await self._system.tenancy.add_grant(offer)

    async def _publish(self, step: Publish) -> None:
        content = _file(step.version, self._scenario.currency, step.prices)
        await self._system.tenancy.publish_prices(step.version, content)
        scope = Scope.ALL if step.everything else Scope.UNPRICED
        for ledger in await self._system.store.ledgers(TENANT):
            await self._system.app.rerate.ledger(ledger, scope, dry_run=False)


def _file(version: str, currency: str, prices: Iterable[Price]) -> bytes:
    rows = [
        {
            "model": one.model,
            "channel": one.channel,
            "effective_from": one.since.isoformat(),
            "per_million_tokens": one.prices,
        }
        for one in prices
        if one.unit == "token"
    ]
    meters = [
        {
            "meter": one.model,
            "channel": one.channel,
            "unit": one.unit,
            "effective_from": one.since.isoformat(),
            "price": one.prices["quantity"],
        }
        for one in prices
        if one.unit != "token"
    ]
    return price_file(*rows, version=version, currency=currency, meters=meters)


def _event(use: Use) -> bytes:
    envelope = {
        "specversion": "1.0",
        "id": use.id,
        "source": "/model",
        "subject": "sub-1",
        "time": use.time.isoformat(),
    }
    if use.unit != "token":
        meter = {"meter": use.model, "quantity": use.counts["quantity"], "unit": use.unit}
        return json.dumps({**envelope, "type": "meter.usage.v1", "data": meter}).encode()
    data: dict[str, Any] = {"model": use.model, "deployment_type": "global", "status": use.status}
    if use.evidence == "absent":
        data |= {"tokens": "absent", "usage": None}
    else:
        data |= {"tokens": "final", "evidence": use.evidence, "usage": _usage(use)}
    return json.dumps({**envelope, "type": "llm.usage.v1", "data": data}).encode()


def _usage(use: Use) -> dict[str, Any]:
    plain, cached, output = (
        int(use.counts.get(b, "0")) for b in ("input", "cached_read", "output")
    )
    return {
        "prompt_tokens": plain + cached,
        "completion_tokens": output,
        "total_tokens": plain + cached + output,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _instant(time: datetime) -> int:
    return parse_instant(time.isoformat())
