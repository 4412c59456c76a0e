"""The clients of nine ordinary tenants, who ask by the clock, and those of a hostile one.

The hostile one waits for nothing but its own answers: callers that read usage by every dimension,
wrong tokens, names made up for admission, and events with ever new names, some of them junk.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine, Sequence
from itertools import count, permutations
from typing import Any, Final, NamedTuple

import aiohttp

from benchmarks.balance_clients import by_the_clock

ADMISSIONS_A_SECOND: Final = 60
BALANCES_A_SECOND: Final = 30
#: Wrong tokens and made-up names are sent by so many clients each.
_FLOODERS: Final = 2
_JUNK_EVENTS: Final = 50
_PATIENCE_S: Final = 60
_OK: Final = 200

type Headers = dict[str, str]


class Server(NamedTuple):
    """The server, and who asks it."""

    url: str
    gateway: str
    tenants: dict[str, str]
    """The tokens of the ordinary tenants by name."""
    callers: Sequence[str]
    """The tokens of the hostile tenant's members."""
    producer: str
    time: str
    """The present, which stands still."""


class Ordinary(NamedTuple):
    """The ordinary tenants' latency: seconds from a request's time to the end of its answer."""

    admissions: Sequence[float]
    balances: Sequence[float]
    errors: dict[str, int]
    amounts: dict[str, str]
    """Their balances at the end."""


class Attack(NamedTuple):
    """The answers to the hostile tenant, by kind and status."""

    answers: dict[str, int]


def ask_as_ordinary(of: Server, seconds: int) -> Ordinary:
    """Ask for admissions and balances as often as the constants say."""
    return asyncio.run(_Asking(of).run(seconds))


def attack(of: Server, seconds: int) -> Attack:
    """Do everything at once that a hostile tenant can, as fast as it is answered."""
    return asyncio.run(_Attacking(of).run(seconds))


class _Asking:
    def __init__(self, of: Server) -> None:
        self.of = of
        self.admissions: list[float] = []
        self.balances: list[float] = []
        self.errors = Counter[str]()

    async def run(self, seconds: int) -> Ordinary:
        names = list(self.of.tenants)
        async with _session() as session:
            start = asyncio.get_running_loop().time()

            def asks(path: str, a_second: int, into: list[float]) -> list[Coroutine[Any, Any, Any]]:
                return [
                    self._ask(session, path, names[n % len(names)], start + n / a_second, into)
                    for n in range(a_second * seconds)
                ]

            await asyncio.gather(
                by_the_clock(
                    ADMISSIONS_A_SECOND,
                    asks("/admission", ADMISSIONS_A_SECOND, self.admissions),
                ),
                by_the_clock(
                    BALANCES_A_SECOND, asks("/me/balance", BALANCES_A_SECOND, self.balances)
                ),
            )
            amounts = {name: await self._amount(session, name) for name in names}
        return Ordinary(sorted(self.admissions), sorted(self.balances), dict(self.errors), amounts)

    async def _ask(
        self,
        session: aiohttp.ClientSession,
        path: str,
        tenant: str,
        due: float,
        into: list[float],
    ) -> None:
        is_admission = path == "/admission"
        token = self.of.gateway if is_admission else self.of.tenants[tenant]
        url = f"{self.of.url}{path}" + (f"/{tenant}" if is_admission else "")
        try:
            async with session.get(url, headers=_bearer(token)) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.errors[f"{path}: {type(error).__name__}"] += 1
            return
        if response.status != _OK:
            self.errors[f"{path}: {response.status}"] += 1
            return
        into.append(asyncio.get_running_loop().time() - due)

    async def _amount(self, session: aiohttp.ClientSession, tenant: str) -> str:
        headers = _bearer(self.of.tenants[tenant])
        async with session.get(f"{self.of.url}/me/balance", headers=headers) as response:
            return str((await response.json())["amount"])


class _Attacking:
    def __init__(self, of: Server) -> None:
        self.of = of
        self.answers = Counter[str]()

    async def run(self, seconds: int) -> Attack:
        async with _session() as session:
            clients = [
                *(self._reads(session, n, token) for n, token in enumerate(self.of.callers)),
                *(self._floods(session, n) for n in range(_FLOODERS)),
                self._makes_names_up(session),
                self._reports(session),
            ]
            with_end = [asyncio.wait_for(client, seconds) for client in clients]
            await asyncio.gather(*with_end, return_exceptions=True)
        return Attack(dict(sorted(self.answers.items())))

    async def _reads(self, session: aiohttp.ClientSession, number: int, token: str) -> None:
        """Read usage by another choice of dimensions each time, page after page."""
        groups = list(permutations(("day", "model", "use_case", "end_user"), number % 4 + 1))
        for turn in count():
            path = f"/me/usage?group_by={','.join(groups[turn % len(groups)])}&limit=5000"
            cursor = ""
            for _ in range(30):
                found = await self._send(session, "usage", "GET", path + cursor, token)
                if not found or not found.get("next"):
                    break
                cursor = f"&cursor={found['next']}"

    async def _floods(self, session: aiohttp.ClientSession, number: int) -> None:
        for turn in count():
            await self._send(session, "wrong token", "GET", "/me/usage", f"wrong.{number}.{turn}")

    async def _makes_names_up(self, session: aiohttp.ClientSession) -> None:
        for turn in count():
            path = f"/admission/made-up-{turn}"
            await self._send(session, "made-up name", "GET", path, self.of.callers[0])

    async def _reports(self, session: aiohttp.ClientSession) -> None:
        """Report events with names of 256 characters that nobody has seen, and junk."""
        for turn in count():
            names = [f"{turn}-{n}" for n in range(_JUNK_EVENTS)]
            made = [
                event("hostile", f"n-{name}", self.of.time, name.ljust(256, "y")) for name in names
            ]
            junk = [{"source": f"junk-{turn}-{n}"} for n in range(_JUNK_EVENTS)]
            body = json.dumps([*made, *junk]).encode()
            await self._send(session, "events", "POST", "/events", self.of.producer, body)

    async def _send(
        self,
        session: aiohttp.ClientSession,
        kind: str,
        method: str,
        path: str,
        token: str,
        body: bytes | None = None,
    ) -> dict[str, Any]:
        headers = {**_bearer(token), "Content-Type": "application/json"}
        async with session.request(
            method, self.of.url + path, headers=headers, data=body
        ) as response:
            found = await response.read()
        self.answers[f"{kind} {response.status}"] += 1
        if response.status != _OK:
            # Even a hostile client sends no faster than a connection takes it.
            await asyncio.sleep(0.001)
            return {}
        content: dict[str, Any] = json.loads(found)
        return content


def user_name(number: int) -> str:
    """Return a long name of an end user of the hostile tenant."""
    return f"u-{number:07d}-" + "x" * 50


def event(subject: str, name: str, time: str, end_user: str) -> dict[str, Any]:
    """Return the event of a request to gpt-4o."""
    return {
        "specversion": "1.0",
        "type": "llm.usage.v1",
        "source": "/apim/contoso",
        "id": name,
        "time": time,
        "subject": subject,
        "data": {
            "model": "gpt-4o",
            "deployment_type": "global",
            "status": 200,
            "tokens": "final",
            "use_case": "chat",
            "end_user": end_user,
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        },
    }


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)
    )


def _bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}
