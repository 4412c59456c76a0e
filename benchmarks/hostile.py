"""The effect of one hostile tenant on nine ordinary ones: names, queries, wrong keys, floods."""

import asyncio
import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import batched
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from benchmarks.balance import GOAL_MS, served, token
from benchmarks.closing import NOW
from benchmarks.counting import disk_folder
from benchmarks.hostile_clients import (
    Attack,
    Ordinary,
    Server,
    ask_as_ordinary,
    attack,
    event,
    user_name,
)
from benchmarks.overshoot_latency import percentile
from benchmarks.timing import Progress
from metering.app.hubs.batch import Message
from metering.bootstrap import App
from metering.core.basics.instants import DAY, format_instant
from metering.settings.settings import Settings, SqliteStore

HOSTILE: Final = "hostile"
ORDINARY: Final = tuple(f"ordinary-{number}" for number in range(9))
#: Groups of the hostile tenant: so many end users, over eight days.
GROUPS: Final = 112_000
_DAYS: Final = 8
_EVENTS_A_BATCH: Final = 1_000
SECONDS: Final = 20
#: Callers of the hostile tenant that read usage.
CALLERS: Final = 4


class HostileTenant(NamedTuple):
    """The nine's latency and errors, alone and beside the tenth."""

    groups: int
    alone: Ordinary
    beside: Ordinary
    attack: Attack


def measure(progress: Progress, groups: int = GROUPS, seconds: int = SECONDS) -> HostileTenant:
    """Ask a server of its own, the ordinary and the hostile from processes of their own."""
    spawn = multiprocessing.get_context("spawn")
    with (
        TemporaryDirectory(prefix="metering-bench-", dir=disk_folder()) as folder,
        ProcessPoolExecutor(1, mp_context=spawn) as ordinary,
        ProcessPoolExecutor(1, mp_context=spawn) as hostile,
    ):
        store = Path(folder) / "store.db"
        progress(f"a tenant uses something by {groups:,} names")
        with ProcessPoolExecutor(1, mp_context=spawn) as before:
            before.submit(fill, store, groups).result()
        settings = {
            "METERING_NOW": format_instant(NOW),
            "METERING_STORE": f"sqlite:///{store}",
            "HOME": folder,
        }
        with served(settings) as url:
            of = Server(
                url,
                token(settings, "--gateway"),
                {name: token(settings, "--tenant", name) for name in ORDINARY},
                _callers(Path(folder), token(settings, "--tenant", HOSTILE)),
                token(settings, "--producer"),
                settings["METERING_NOW"],
            )
            ordinary.submit(ask_as_ordinary, of, 2).result()
            progress("nine ordinary tenants alone")
            alone = ordinary.submit(ask_as_ordinary, of, seconds).result()
            progress("nine ordinary tenants beside a hostile one")
            done = hostile.submit(attack, of, seconds)
            beside = ordinary.submit(ask_as_ordinary, of, seconds).result()
            return HostileTenant(groups, alone, beside, done.result())


def hostile_document(found: HostileTenant) -> dict[str, object]:
    """Return the figures as a JSON object."""
    return {
        "groups": found.groups,
        "callers": CALLERS,
        "ordinary": {"alone": _seen(found.alone), "beside": _seen(found.beside)},
        "balances_unchanged": found.alone.amounts == found.beside.amounts,
        "hostile_answers": found.attack.answers,
    }


def _seen(one: Ordinary) -> dict[str, object]:
    return {
        "admission": _latency(one.admissions),
        "balance": _latency(one.balances),
        "errors": one.errors,
        "goal_p99_ms": GOAL_MS,
        "met": bool(one.admissions)
        and percentile(one.admissions, 99) * 1_000 < GOAL_MS
        and not one.errors,
    }


def _latency(answers: Sequence[float]) -> dict[str, object]:
    shares = {"p50_ms": 50, "p99_ms": 99, "max_ms": 100}
    return {
        "answered": len(answers),
        **{
            name: round(percentile(answers, share) * 1_000, 3) if answers else None
            for name, share in shares.items()
        },
    }


def _callers(folder: Path, one: str) -> list[str]:
    """Return tokens of members of the tenant that a token is of: each is a caller of its own."""
    key = load_pem_private_key((folder / "development-issuer.pem").read_bytes(), None)
    claims = jwt.decode(one, options={"verify_signature": False})
    header = jwt.get_unverified_header(one)
    return [
        jwt.encode({**claims, "sub": f"member-{n}"}, key, "ES256", {"kid": header["kid"]})  # type: ignore[arg-type]
        for n in range(CALLERS)
    ]


def fill(store: Path, groups: int) -> None:
    """Make the hostile tenant's groups, and some usage of the others."""
    asyncio.run(_filled(App(Settings(SqliteStore(store), fixed_now=NOW)), groups))


async def _filled(app: App, groups: int) -> None:
    now = format_instant(NOW)
    events = [event(name, f"{name}-{n}", now, "u") for name in ORDINARY for n in range(20)]
    for number in range(groups):
        time = format_instant(NOW - (number * _DAYS // groups) * DAY)
        events.append(event(HOSTILE, f"h-{number}", time, user_name(number)))
    for some in batched(events, _EVENTS_A_BATCH, strict=False):
        await app.ingest.batch([Message(json.dumps(one).encode(), "0", 0) for one in some])
    await app.roll_up.run()
    await app.close()
