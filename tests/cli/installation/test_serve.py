"""`metering serve` and `metering token`: the HTTP API as somebody at a terminal meets it."""

import signal
import sqlite3
from contextlib import closing
from typing import Any

import httpx2
import pytest

PERSON = "00000000-0000-0000-0000-0000000000aa"


def _url(child: Any) -> str:
    line = child.stdout.readline().decode()
    assert line.startswith("Serving http://127.0.0.1:"), (line, child.stderr.read())
    return str(line.split()[1])


def test_a_token_of_this_machine_gets_into_what_is_served(metering: Any, event: Any) -> None:
    assert metering.ingest(event()).code == 0
    with metering.start("serve", "--port", "0") as child, httpx2.Client() as client:
        try:
            url = _url(child)

            def get(path: str, *who: str) -> httpx2.Response:
                token = metering.run("token", *who).stdout.strip()
                return client.get(url + path, headers={"Authorization": f"Bearer {token}"})

            assert get("/me/balance", "--tenant", "acme").json()["amount"] == "0.0035"
            assert get("/tenants/acme/balance", "--operator").json()["requests"] == 1
            assert get("/tenants/acme/balance", "--gateway").status_code == 404
            assert get("/admission/acme", "--gateway").json()["verdict"] == "allow"
            assert client.get(url + "/me/balance").status_code == 401
        finally:
            child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=10)
    assert (child.returncode, errors) == (0, b"")


def test_what_goes_wrong_is_in_the_log_under_the_reference_of_its_answer(
    metering: Any, event: Any
) -> None:
    assert metering.ingest(event()).code == 0
    with metering.start("serve", "--port", "0") as child, httpx2.Client() as client:
        try:
            url = _url(child)
            token = metering.run("token", "--operator").stdout.strip()
            # An entry with an outcome that does not exist: a fault that no rule expects.
            entry = ("1", "a", 5, "me", "plan.set", "plan/pro", "odd", None, None, "2026-11-20")
            with closing(sqlite3.connect(metering.store, autocommit=True)) as store:
                store.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", entry)
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.get(url + "/audit?day=2026-11-20", headers=headers)
            assert answer.status_code == 500
            reference = answer.json()["detail"].split()[-1].rstrip(".")
        finally:
            child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=10)
    assert f"request failed: reference {reference}" in errors.decode()
    assert "Traceback" in errors.decode()


@pytest.mark.parametrize(
    "options",
    [(), ("--tenant", "acme", "--operator"), ("--tenant", "a b")],
)
def test_a_token_is_for_somebody(metering: Any, options: tuple[str, ...]) -> None:
    ran = metering.run("token", *options)
    assert (ran.code, ran.stdout) == (2, "")


def test_with_another_issuer_there_are_no_tokens_of_ours(metering: Any) -> None:
    settings = {
        "METERING_AUTH_ISSUER": "https://login.microsoftonline.com/x/v2.0",
        "METERING_AUTH_AUDIENCE": PERSON,
        "METERING_AUTH_TENANT": PERSON,
    }
    ran = metering.run("token", "--operator", settings=settings)
    assert (ran.code, ran.stdout) == (1, "")
    assert "METERING_AUTH_ISSUER is set" in ran.stderr


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("token", "--operator")])
def test_in_azure_there_is_neither(metering: Any, command: tuple[str, ...]) -> None:
    ran = metering.run(*command, settings={"WEBSITE_INSTANCE_ID": "a1"})
    assert ran.code == 1
    assert "WEBSITE_INSTANCE_ID" in ran.stderr


def test_a_person_is_let_in_and_shut_out(metering: Any, event: Any) -> None:
    metering.ingest(event())
    ran = metering.run("tenants", "allow", "acme", "--user", PERSON.upper())
    assert (ran.code, ran.stdout.strip()) == (
        0,
        f"user:{PERSON} can read acme: from 2026-11-20T12:00:00Z",
    )
    assert metering.run("tenants", "disallow", "--user", PERSON).code == 0
    assert metering.run("tenants", "allow", "acme", "--app", PERSON).code == 0
    assert metering.run("tenants", "allow", "acme").code == 2
    assert metering.run("tenants", "allow", "acme", "--user", "me").code == 1
    unknown = metering.run("tenants", "allow", "globex", "--user", PERSON)
    assert (unknown.code, "globex" in unknown.stderr) == (1, True)
