"""What the browser tests look at: `metering run` over a store with three weeks of usage in it."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2

from metering import bootstrap
from metering.adapters.sign_in.development_issuer import DevelopmentIssuer
from metering.app.hubs.batch import Message
from metering.core.tenancy.access import Role
from metering.settings.settings import read_settings
from tests.builders import event

NOW: Final = "2026-11-20T15:00:00Z"
ROOT: Final = Path(__file__).parents[2]
#: A name that would be markup if anything took it for that.
HOSTILE: Final = "<img src=x onerror=alert(1)>"
_LONGEST_S: Final = 30

_CONTOSO: Final[list[dict[str, Any]]] = [
    {"metric": "amount", "window": "period", "limit": "1290", "thresholds": [50, 80, 100]},
    {
        "metric": "tokens",
        "window": "day",
        "limit": "16000000",
        "scope": {"model": "gpt-4o"},
        "action": {"downgrade": "gpt-4o-mini"},
    },
]
TENANTS: Final = {
    "plans": [
        {
            "id": "budget",
            "currency": "USD",
            "quotas": [{**_CONTOSO[0], "action": "block"}, _CONTOSO[1]],
            "targets": [
                {"use_case": "support-chat", "outcome": "ticket_resolved", "cost": "0.5"},
                {"use_case": "invoice-reader", "outcome": "invoice_booked", "cost": "0.25"},
            ],
        },
        {
            "id": "trial",
            "currency": "USD",
            "quotas": [{"metric": "requests", "window": "period", "limit": "8", "action": "block"}],
        },
        {
            "id": "near",
            "currency": "USD",
            "quotas": [
                {"metric": "amount", "window": "period", "limit": "500", "action": "notify"}
            ],
        },
    ],
    "tenants": [
        {"id": "contoso", "plan": "budget", "subscriptions": ["contoso-prod"]},
        {"id": "fabrikam", "plan": "near", "subscriptions": ["fabrikam-chat"]},
        {"id": "northwind", "plan": "default", "subscriptions": ["northwind-search"]},
        {"id": "tailspin", "plan": "trial", "subscriptions": ["tailspin-trial", "tailspin-app"]},
        {"id": "wingtip", "plan": "default", "subscriptions": ["wingtip-toys"]},
    ],
}
_MODELS: Final = (
    ("gpt-4o", "gpt-4o-2024-11-20", 90),
    ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", 400),
    ("gpt-4.1", "gpt-4.1-2025-04-14", 60),
    ("claude-haiku-4-5", "claude-haiku-4-5", 50),
)
_CASES: Final = ("support-chat", "invoice-reader", "code-review", "search", "translation", None)
_OUTCOMES: Final = (
    ("support-chat", "ticket_resolved", 410),
    ("invoice-reader", "invoice_booked", 702),
    ("code-review", "change_merged", 96),
)
_USERS: Final = ("ada", "grace", "linus", "margaret", None)
_SHARES: Final = {"contoso-prod": 10, "fabrikam-chat": 4, "northwind-search": 2, "wingtip-toys": 1}


class Running(NamedTuple):
    """A local system that is up."""

    gateway: str
    url: str
    links: dict[str, str]
    settings: dict[str, str]

    @property
    def token(self) -> str:
        """Return the token of an operator."""
        return self._issuer().token(roles=frozenset({Role.OPERATOR}))

    def token_of(self, tenant: str) -> str:
        """Return the token of a tenant, as `metering token` prints it."""
        return self._issuer().token(tenant=tenant)

    def _issuer(self) -> DevelopmentIssuer:
        return bootstrap.App(read_settings(self.settings)).sign_in.development_issuer

    def ask(self, subscription: str, use_case: str = "support-chat") -> httpx2.Response:
        """Send one request through the gateway."""
        return httpx2.post(
            f"{self.gateway}/openai/v1/chat/completions",
            json={"model": "gpt-4o", "messages": [{"role": "user", "content": "hello " * 400}]},
            headers={
                "Authorization": f"Bearer local-{subscription}",
                "x-use-case": use_case,
                "x-end-user": "ada",
            },
            timeout=10,
        )

    def operate(self, method: str, path: str, content: object = None) -> Any:
        """Ask the API for something as an operator."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx2.request(method, self.url + path, json=content, headers=headers, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def operate_with_tag(self, path: str, query: str, content: object) -> None:
        """Change what is there as an operator who has read it."""
        headers = {"Authorization": f"Bearer {self.token}"}
        read = httpx2.get(self.url + path, headers=headers, timeout=20)
        headers["If-Match"] = read.headers["etag"]
        url = f"{self.url}{path}{query}"
        httpx2.put(url, json=content, headers=headers, timeout=20).raise_for_status()

    def balance(self, tenant: str) -> Any:
        """Return a tenant's balance."""
        return self.operate("GET", f"/api/tenants/{tenant}/balance")


def environment(folder: Path, registered: Mapping[str, Any] = TENANTS) -> dict[str, str]:
    """Return the settings of the system in a folder."""
    tenants = folder / "tenants.json"
    tenants.write_text(json.dumps(registered))
    return {
        "METERING_STORE": f"sqlite:///{folder}/metering.db",
        "METERING_TENANTS": str(tenants),
        "METERING_AUTOMATIC_TENANTS": "off",
        "METERING_NOW": NOW,
    }


async def seed(settings: dict[str, str]) -> None:
    """Fill a store with the usage of twenty days, two events too many and one of nobody."""
    app = bootstrap.App(read_settings(settings))
    events = list(_usage())
    events += events[-2:]
    for number, (case, outcome, times) in enumerate(_OUTCOMES):
        data = {"use_case": case, "outcome": outcome, "count": times}
        events.append(
            {
                **event(id=f"outcome-{number}", subject="contoso-prod"),
                "type": "business.outcome.v1",
                "data": data,
            }
        )
    events.append(event(id="nobody", subject="nobody-knows-it", time="2026-11-20T14:00:00Z"))
    events.append(
        event(id="broken", time="2026-11-20T14:00:00Z", data__usage={"prompt_tokens": -1})
    )
    for at in range(0, len(events), 500):
        bodies = [json.dumps(one).encode() for one in events[at : at + 500]]
        await app.ingest.batch(
            [Message(one, "0", at + n) for n, one in enumerate(bodies)], stop_for=0
        )
    closed = [one async for one in app.billing.close_periods.run(app.clock.now())]
    assert [one.period for one in closed] == ["2026-10"] * 2
    await app.close()


def _usage() -> Iterator[dict[str, Any]]:
    for subject, tokens in (("contoso-prod", 310_000_000), ("wingtip-toys", 21_000_000)):
        yield event(
            id=f"{subject}-october",
            subject=subject,
            time="2026-10-22T10:15:00Z",
            data__usage={"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens},
        )
    for subject, share in _SHARES.items():
        for day in range(1, 21):
            # Weekends are quiet: 1 November 2026 is a Sunday.
            week = 0.3 if day % 7 in {0, 1} else 1.0 + (day * 7 % 5) / 10
            for number, (deployment, model, weight) in enumerate(_MODELS):
                for part in range(3):
                    tokens = int(share * week * weight * (1_500 + 90 * day) * (part + 1) / 2)
                    yield event(
                        id=f"{subject}-{day}-{number}-{part}",
                        subject=subject,
                        time=f"2026-11-{day:02d}T{9 + part:02d}:15:00Z",
                        data__deployment=deployment,
                        data__model=model,
                        data__use_case=_CASES[(number + part + day) % len(_CASES)],
                        data__end_user=_USERS[(number * part + day) % len(_USERS)],
                        data__usage={
                            "prompt_tokens": tokens,
                            "completion_tokens": tokens // 5,
                            "total_tokens": tokens + tokens // 5,
                            "prompt_tokens_details": {"cached_tokens": tokens // 4},
                        },
                    )


@contextmanager
def running(folder: Path, settings: dict[str, str]) -> Iterator[Running]:
    """Run the whole system on free ports while the context is open."""
    told = folder / "told.txt"
    command = [sys.executable, "-m", "metering", "run"]
    command += ["--no-traffic", "--port", "0", "--api-port", "0"]
    command += ["--store", settings["METERING_STORE"]]
    env = {**os.environ, **settings, "PYTHONPATH": str(ROOT)}
    with told.open("w") as out, (folder / "errors.txt").open("w") as errors:
        child = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=errors)
        try:
            yield _told(told, child, settings)
        finally:
            child.terminate()
            child.wait(20)


def _told(told: Path, child: subprocess.Popen[bytes], settings: dict[str, str]) -> Running:
    until = time.monotonic() + _LONGEST_S
    while time.monotonic() < until and child.poll() is None:
        text = told.read_text()
        links = {who: link for link, who in re.findall(r"(http\S+/signin\S+)\s+\(as (\S+),", text)}
        if len(links) > 1:
            gateway = re.search(r"azure_endpoint=(\S+)", text)
            assert gateway is not None
            url = links["operator"].partition("/signin")[0]
            return Running(gateway[1], url, links, settings)
        time.sleep(0.05)
    raise AssertionError(told.with_name("errors.txt").read_text())
