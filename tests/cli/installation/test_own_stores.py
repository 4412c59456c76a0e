"""Simulated usage has stores of its own, and a mistyped path makes none."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

RUN = ("run", "--no-traffic", "--port", "0", "--api-port", "0", "--seconds", "0.1")


@pytest.fixture
def bare(metering: "Metering") -> "Metering":
    metering.prepares = False
    return metering


@pytest.mark.parametrize("named", ["sqlite:///billed.db", "cosmos://contoso/metering"])
def test_a_run_writes_to_its_own_store_whatever_the_setting_names(
    bare: "Metering", named: str
) -> None:
    with bare.start(*RUN, own=True, settings={"METERING_STORE": named}) as child:
        out, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (0, b"")
    assert b"store .metering/run.db: made" in out
    assert b"METERING_STORE=sqlite:///.metering/run.db" in out
    assert (bare.folder / ".metering" / "run.db").exists()
    assert not (bare.folder / "billed.db").exists()


@pytest.mark.parametrize("command", ["run", "demo"])
@pytest.mark.parametrize(
    ("store", "reason"),
    [
        ("cosmos://contoso/metering", "simulated usage is never written to Cosmos DB"),
        ("metering.db", "is neither sqlite:///PATH nor cosmos://ACCOUNT/DATABASE"),
    ],
)
def test_never_into_cosmos_and_never_into_what_is_no_store(
    bare: "Metering", command: str, store: str, reason: str
) -> None:
    ran = bare.run(command, "--store", store)
    assert ran.code == 2
    assert reason in ran.stderr


@pytest.mark.parametrize(
    "command", [("balance", "acme"), ("tenants", "list"), ("verify",), ("serve",)]
)
def test_a_mistyped_path_is_one_line_and_makes_no_store(
    bare: "Metering", command: tuple[str, ...]
) -> None:
    ran = bare.run(*command)
    assert ran.code == 1
    assert ran.stderr == (
        f"error: store {bare.store}: does not exist: correct METERING_STORE, or run `metering"
        " init`\n"
    )
    assert not bare.store.exists()


def test_the_first_ingest_and_init_make_it_and_say_so(
    bare: "Metering", event: "EventBuilder"
) -> None:
    first, second = (bare.ingest(event(f"r-{n}")) for n in range(2))
    assert (first.code, first.stderr) == (0, f"store {bare.store}: made\n")
    assert (second.code, second.stderr) == (0, "")
    bare.store.unlink()
    ran = bare.run("init")
    assert "ready" in ran.stdout
    assert ran.stderr == f"store {bare.store}: made\n"


def test_the_default_store_is_made_and_named(bare: "Metering") -> None:
    ran = bare.run(
        "tenants", "list", settings={"METERING_STORE": "sqlite:///.metering/metering.db"}
    )
    assert (ran.code, ran.stderr) == (0, "store .metering/metering.db: made\n")


@pytest.mark.parametrize("command", [("verify",), ("balance", "acme"), ("tenants", "list")])
def test_an_empty_file_is_no_store_until_it_is_made_one(
    bare: "Metering", event: "EventBuilder", command: tuple[str, ...]
) -> None:
    bare.store.touch()
    ran = bare.run(*command)
    assert (ran.code, ran.stdout) == (1, "")
    assert "is an empty file: restore it from a copy" in ran.stderr
    assert bare.store.stat().st_size == 0
    # The first event of a store may make it, as where there is no file.
    bare.ingest(event("r-1"))
    assert bare.run("verify").code == 0
