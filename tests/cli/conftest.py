"""The command of the acceptance tests, over a store of its own: in this process or in a child."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO
from unittest.mock import patch

import pytest

from metering.adapters.sqlite.database import Database
from metering.bootstrap import app as bootstrap_app
from metering.cli.main import run as run_command

#: The standing clock of every command, unless a test sets another one.
NOW: Final = "2026-11-20T12:00:00Z"
_LONGEST_S: Final = 60

type Event = dict[str, Any]
type EventBuilder = Callable[..., Event]
type Line = bytes | Mapping[str, Any]


#: Commands that make a store, or that are about one that is not there.
_MAKE: Final = {"init", "doctor"}


async def _prepare(path: Path) -> None:
    database = Database(path)
    await database.prepare()
    await database.close()


class Ran(NamedTuple):
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        assert self.stdout, self.stderr
        return json.loads(self.stdout)


class Metering:
    """The command `metering` over the store in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "metering.db"
        self._files = 0
        self.prepares = True
        """Whether the store is there before a command that would not make it."""

    def start(
        self,
        *arguments: str | Path,
        before: str = "",
        settings: Mapping[str, str] | None = None,
        stdout: int = subprocess.PIPE,
        own: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Start a command; `before` is Python that its process runs first, such as a limit.

        `own`: one that simulates usage keeps it in its own store.
        """
        told = arguments if own else self._with_store(arguments, settings or {})
        command = [sys.executable, "-m", "metering"]
        if before:
            become = f"import os, sys\n{before}\nos.execv(sys.argv[1], sys.argv[1:])"
            command = [sys.executable, "-c", become, *command]
        return subprocess.Popen(
            [*command, *map(str, told)],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environment(settings or {}),
        )

    def run(
        self,
        *arguments: str | Path,
        stdin: bytes = b"",
        settings: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a command to its end in this process, with an environment and streams of its own.

        Outside the main thread it is a process of its own: those two belong to the whole process.
        """
        if threading.current_thread() is not threading.main_thread():
            return self.run_process(*arguments, stdin=stdin, settings=settings)
        told = self._with_store(arguments, settings or {})
        with _as_of_a_process(self, told, stdin, settings or {}) as (stdout, stderr):
            try:
                run_command()
            except SystemExit as exited:
                code = exited.code
            else:
                code = 0
        assert code is None or isinstance(code, int)
        return Ran(code or 0, stdout.getvalue().decode(), stderr.getvalue().decode())

    def run_process(
        self,
        *arguments: str | Path,
        stdin: bytes = b"",
        before: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a command to its end in a process of its own."""
        with self.start(*arguments, before=before, settings=settings) as child:
            try:
                stdout, stderr = child.communicate(stdin, timeout=_LONGEST_S)
            except subprocess.TimeoutExpired:
                child.kill()
                raise
        return Ran(child.returncode, stdout.decode(), stderr.decode())

    def _with_store(
        self, arguments: Sequence[str | Path], settings: Mapping[str, str]
    ) -> Sequence[str | Path]:
        """Return the arguments of a command on this store, which is made where it has to be."""
        name = arguments[0] if arguments else ""
        if name in {"run", "demo"} and "--store" not in arguments:
            return [*arguments, "--store", f"sqlite:///{self.store}"]
        is_own = "METERING_STORE" not in settings
        if self.prepares and is_own and name not in _MAKE and not self.store.exists():
            asyncio.run(_prepare(self.store))
        return arguments

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a command: nothing of ours gets into it."""
        return {
            "METERING_NOW": NOW,
            "METERING_STORE": f"sqlite:///{self.store}",
            "HOME": str(self.folder),
            **settings,
        }

    def write(self, lines: Iterable[Line]) -> Path:
        """Write a file of events and return where it is."""
        self._files += 1
        path = self.folder / f"events-{self._files}.jsonl"
        bodies = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        path.write_bytes(b"".join(body + b"\n" for body in bodies))
        return path

    def ingest(self, *lines: Line, settings: Mapping[str, str] | None = None) -> Ran:
        """Ingest these lines as one file; the answer is JSON."""
        return self.run("ingest", self.write(lines), "--json", settings=settings)

    def balance(self, tenant: str, *options: str) -> dict[str, Any]:
        """Return a tenant's balance."""
        ran = self.run("balance", tenant, "--json", *options)
        assert ran.code == 0, ran.stderr
        found: dict[str, Any] = ran.json
        return found

    def dead_letters(self) -> list[dict[str, Any]]:
        """Return everything that was set aside."""
        found: list[dict[str, Any]] = self.run(
            "dead-letters", "list", "--limit", "10000", "--json"
        ).json
        return found

    def verify(self) -> tuple[int, dict[str, dict[str, Any]]]:
        """Return the exit status of `metering verify` and its verdicts by ledger."""
        ran = self.run("verify", "--json")
        return ran.code, {verdict["ledger"]: verdict for verdict in ran.json}


@contextmanager
def _as_of_a_process(
    command: Metering,
    arguments: Sequence[str | Path],
    stdin: bytes,
    settings: Mapping[str, str],
) -> Iterator[tuple[BytesIO, BytesIO]]:
    """Give this process the arguments, environment, folder and streams of a command's own."""
    stdout, stderr = BytesIO(), BytesIO()
    app = list(bootstrap_app._current)  # noqa: SLF001, what a process begins without
    bootstrap_app._current.clear()  # noqa: SLF001
    with (
        patch.object(sys, "argv", ["metering", *map(str, arguments)]),
        patch.object(sys, "stdin", TextIOWrapper(BytesIO(stdin), "utf-8")),
        patch.object(sys, "stdout", TextIOWrapper(stdout, "utf-8", write_through=True)),
        patch.object(
            sys, "stderr", TextIOWrapper(stderr, "utf-8", "backslashreplace", write_through=True)
        ),
        patch.dict(os.environ, command.environment(settings), clear=True),
        chdir(command.folder),
        _alerts_on(sys.stderr),
    ):
        try:
            yield stdout, stderr
        finally:
            for stream in (sys.stdout, sys.stderr):
                assert isinstance(stream, TextIOWrapper)
                stream.detach()
            bootstrap_app._current[:] = app  # noqa: SLF001


@contextmanager
def _alerts_on(stream: TextIO) -> Iterator[None]:
    """Write alerts to a stream, as the entry point of the command sets it up."""
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.CRITICAL)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


def _event(
    id_: str = "r-1", *, data: Mapping[str, object] | None = None, **fields: object
) -> Event:
    """Return a chat request of tenant acme on gpt-4o global, half an hour ago.

    It costs 1,000 x 2.50 + 100 x 10.00 per million = 0.0025 + 0.001 = 0.0035 USD.
    """
    return {
        "specversion": "1.0",
        "type": "llm.usage.v1",
        "source": "/apim/test",
        "id": id_,
        "time": "2026-11-20T11:30:00Z",
        "subject": "acme",
        **fields,
        "data": {
            "status": 200,
            "model": "gpt-4o",
            "deployment_type": "global",
            "service_tier": "standard",
            "region": "eastus2",
            "tokens": "final",
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
            **(data or {}),
        },
    }


@pytest.fixture(scope="session")
def event() -> EventBuilder:
    """Return what builds an event: its id, other fields of the envelope, other fields of `data`."""
    return _event


@pytest.fixture(scope="session")
def metering_in() -> Callable[[Path], Metering]:
    """Return what gives the command a store in a folder."""
    return Metering


@pytest.fixture
def metering(tmp_path: Path) -> Metering:
    """Return the command over a fresh store."""
    return Metering(tmp_path)
