"""App Service's header through the worker library: who sends it to a bare app is nobody."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from metering import bootstrap
from metering.local.functions.http_messages import HttpRequest, HttpResponse
from metering.local.functions.worker import FunctionsWorker, WorkerFailed
from metering.local.system import app_dir
from tests.adapters.sign_in.test_app_service import PERSON, TENANT, header

OPERATOR = header([("oid", PERSON), ("tid", TENANT), ("roles", "Metering.Operator")])
SIGN_IN = {
    "METERING_AUTH_ISSUER": f"https://login.microsoftonline.com/{TENANT}/v2.0",
    "METERING_AUTH_AUDIENCE": "66666666-7777-8888-9999-000000000000",
    "METERING_AUTH_TENANT": TENANT,
    "METERING_APP_SERVICE_AUTH": "on",
}
PLATFORM = {"WEBSITE_AUTH_ENABLED": "True"}
GRANT = b'{"amount": "1000000"}'


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start as a process does that has read no settings yet, over a store of its own."""
    monkeypatch.setattr(bootstrap.app, "_current", [])
    monkeypatch.setenv("METERING_STORE", f"sqlite:///{tmp_path}/store.db")
    for name in list(os.environ):
        if name.startswith(("METERING_AUTH", "METERING_APP", "WEBSITE_")):
            monkeypatch.delenv(name)


async def started(monkeypatch: pytest.MonkeyPatch, given: Mapping[str, str]) -> FunctionsWorker:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return await FunctionsWorker.start(app_dir())


async def grant(worker: FunctionsWorker, principal: str) -> HttpResponse:
    headers = {
        "x-ms-client-principal": principal,
        "X-Metering-Intent": "test",
        "Idempotency-Key": "g-1",
        "Content-Type": "application/json",
    }
    site = "https://metering.example/api/tenants/acme/grants"
    answer = await worker.invoke_http("api", HttpRequest("POST", site, headers, body=GRANT))
    await bootstrap.current().close()
    return answer


async def test_a_header_forged_for_an_app_without_the_platforms_sign_in_is_nobodys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = await grant(await started(monkeypatch, SIGN_IN), OPERATOR)
    assert answer.status == 401
    app = bootstrap.current()
    await app.tenancy.refresh()
    assert app.tenancy.directory.grants("acme") == []
    await app.close()


async def test_behind_the_platforms_sign_in_the_header_names_an_operator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = await started(monkeypatch, SIGN_IN | PLATFORM)
    app = bootstrap.current()
    await app.tenancy.map_subject("sub-1", "acme", None)
    assert (await grant(worker, OPERATOR)).status == 201
    elsewhere = header([("oid", PERSON), ("tid", "other"), ("roles", "Metering.Operator")])
    assert (await grant(worker, elsewhere)).status == 401


async def test_an_app_that_names_no_directory_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(WorkerFailed, match="METERING_AUTH_TENANT: is not set"):
        await started(monkeypatch, {"METERING_APP_SERVICE_AUTH": "on"} | PLATFORM)
