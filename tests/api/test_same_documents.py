"""The command line prints the documents that the API returns."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metering.core.tenancy.adjustment_records import AdjustmentOffer
from metering.core.tenancy.grant_records import GrantOffer
from tests.api.served import Served
from tests.api.test_events import outcome
from tests.api.test_statements import closed
from tests.builders import body


async def printed(store: Path, *command: str) -> Any:
    """Return what a command prints with --json, at the time of the API."""
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "metering", *command, "--json"],
        env={
            "PATH": os.environ["PATH"],
            "METERING_STORE": f"sqlite:///{store}",
            "METERING_NOW": "2026-11-20T12:00:00Z",
        },
        cwd=store.parent,
        capture_output=True,
        check=False,
    )
    assert ran.stdout, ran.stderr
    return json.loads(ran.stdout)


async def used(api: Served) -> None:
    """Fill the store with something of every kind that the documents describe."""
    await api.app.tenancy.add_grant(GrantOffer(tenant="acme", amount="10", author="ada"))
    await api.app.tenancy.adjust(AdjustmentOffer("acme", "-5", "outage", "ada"))
    await api.count(
        body(),
        body(id="r-2", data__model="gpt-99"),
        body(id="r-3", data__tokens="pending", data__usage=None),
        b'{"specversion":"1.0","type":"meter.usage.v1","id":"m-1","source":"/x","subject":"sub-1",'
        b'"time":"2026-11-20T11:00:00Z","data":{"meter":"search","quantity":"2.5","unit":"query"}}',
        json.dumps(outcome()).encode(),
        b"nonsense",
    )
    deployment = {"model": "gpt-4o", "deployment_type": "global"}
    made = await api.ask("PUT", "/api/deployments/d", api.operator(), json=deployment)
    assert made.status_code == 200, made.text


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("balance acme", "/api/tenants/acme/balance"),
        ("forecast acme", "/api/tenants/acme/quotas"),
        ("unit-cost acme", "/api/tenants/acme/unit-costs"),
        ("admission sub-1", "/api/admission/sub-1"),
        ("statement acme --preview", "/api/tenants/acme/statements/2026-11/preview"),
        ("plans show default", "/api/plans/default"),
    ],
)
async def test_a_command_prints_the_document_of_the_api(
    api: Served, tmp_path: Path, command: str, path: str
) -> None:
    await used(api)
    token = api.gateway() if "admission" in path else api.operator()
    found = await api.get(path, token)
    assert found == await printed(tmp_path / "store.db", *command.split())


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("usage acme", "/api/tenants/acme/usage"),
        ("grants list acme", "/api/tenants/acme/grants"),
        ("adjustments list acme", "/api/tenants/acme/adjustments"),
        ("tenants list", "/api/tenants"),
        ("plans list", "/api/plans"),
        ("deployments list", "/api/deployments"),
        ("effects list", "/api/effects"),
        ("verify", "/api/verify"),
    ],
)
async def test_a_list_prints_the_items_of_the_api(
    api: Served, tmp_path: Path, command: str, path: str
) -> None:
    await used(api)
    found = (await api.get(path, api.operator()))["items"]
    assert found
    assert found == await printed(tmp_path / "store.db", *command.split())


async def test_a_statement_and_a_dead_letter_are_the_same_too(api: Served, tmp_path: Path) -> None:
    await used(api)
    await closed(api)
    (letter,) = (await api.get("/api/dead-letters", api.operator()))["items"]
    (listed,) = await printed(tmp_path / "store.db", "dead-letters", "list")
    assert listed == letter | {"body": "nonsense"}
    for command, path in (
        ("statement acme --period 2026-11", "/api/tenants/acme/statements/2026-11"),
        (f"dead-letters show {letter['id']}", f"/api/dead-letters/{letter['id']}"),
    ):
        found = await api.get(path, api.operator())
        assert found == await printed(tmp_path / "store.db", *command.split())


async def test_a_plan_and_a_deployment_can_be_put_back_as_they_were_read(api: Served) -> None:
    await used(api)
    for path in ("/api/plans/default", "/api/deployments/d"):
        read = await api.ask("GET", path, api.operator())
        headers = {"If-Match": read.headers["etag"]}
        put = await api.ask("PUT", path, api.operator(), json=read.json(), headers=headers)
        assert (put.status_code, put.json()) == (200, read.json())
