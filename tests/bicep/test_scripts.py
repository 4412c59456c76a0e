"""The scripts that end a deployment, run against the system on this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SCRIPTS: Final = ROOT / "bicep" / "scripts"
_AT_MOST_S: Final = 90


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    command = tmp_path / "metering"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m metering "$@"\n')
    command.chmod(0o755)
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "METERING": str(command),
        "METERING_STORE": f"sqlite:///{tmp_path}/metering.db",
        "METERING_TRIES": "1",
    }


@pytest.fixture
def running(environment: dict[str, str]) -> Iterator[None]:
    """The function app, reading the hub that `metering replay` publishes to."""
    command = [environment["METERING"], "run", "--no-traffic", "--port", "0", "--seconds", "80"]
    command += ["--store", environment["METERING_STORE"]]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline()
        yield
        child.terminate()


def _run(script: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPTS / script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_AT_MOST_S,
        check=False,
    )


@pytest.mark.usefixtures("running")
def test_a_first_deployment_ends_with_prices_a_plan_and_one_counted_event(
    environment: dict[str, str],
) -> None:
    outputs = {"METERING_API": "https://func-x.azurewebsites.net", "GATEWAY_PRINCIPAL_ID": "9f8e"}
    done = _run("first-deployment.sh", environment | outputs)
    assert done.returncode == 0, done.stderr
    assert (
        "METERING_HOSTS=func-x.azurewebsites.net GATEWAY_PRINCIPAL_ID=9f8e METERING_OPERATORS_GR"
        in done.stdout
    )
    assert "gpt-4o" in done.stdout
    assert "default" in done.stdout
    # 1,000 x 2.50 / 1,000,000 + 100 x 10.00 / 1,000,000
    assert "0.0035 USD" in done.stdout
    assert done.stdout.endswith("The event was counted: the deployment works.\n")
    again = _run("smoke-test.sh", environment)
    assert again.returncode == 0, again.stderr
    # Another event, so twice the price.
    assert "0.007 USD" in again.stdout


def test_an_event_that_nobody_counts_fails_the_smoke_test(environment: dict[str, str]) -> None:
    # A hub is there afterwards, and nobody reads it.
    command = [environment["METERING"], "run", "--no-traffic", "--port", "0", "--seconds", "0.1"]
    command += ["--store", environment["METERING_STORE"]]
    subprocess.run(command, env=environment, capture_output=True, timeout=_AT_MOST_S, check=True)
    done = _run("smoke-test.sh", environment | {"METERING_SMOKE_SECONDS": "1"})
    assert done.returncode == 1
    assert "The event was not counted" in done.stderr


def test_without_a_store_it_says_which_setting_is_missing(environment: dict[str, str]) -> None:
    del environment["METERING_STORE"]
    done = _run("first-deployment.sh", environment)
    assert done.returncode != 0
    assert "METERING_STORE: is not set" in done.stderr


def test_a_store_that_cannot_be_used_ends_it_with_what_to_look_at(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    broken = {"METERING_STORE": f"sqlite:///{tmp_path}/file/metering.db"}
    done = _run("first-deployment.sh", environment | broken | {"METERING_TRIES": "0"})
    assert done.returncode == 1
    assert "operatorPrincipalIds" in done.stderr
