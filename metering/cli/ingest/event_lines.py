"""Files of events: JSON Lines, each line the body of one event."""

import sys
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from metering.cli.output import escape, stderr
from metering.core.usage.event import MAX_BODY_BYTES

STDIN: Final = Path("-")


def must_be_files(files: Sequence[Path]) -> None:
    """Raise BadParameter unless every path is a file or standard input."""
    for file in files:
        if file != STDIN and (file.is_dir() or not file.exists()):
            raise typer.BadParameter(f"file not found: {str(file)!r}", param_hint="FILE")


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """Open a file, or standard input, for reading bytes."""
    if file == STDIN:
        yield sys.stdin.buffer
        return
    with file.open("rb") as stream:
        yield stream


def read_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield non-blank lines with their numbers, without the newline.

    A line longer than MAX_BODY_BYTES is truncated to a length that is still too long for an event.
    """
    number = 0
    while line := stream.readline(MAX_BODY_BYTES + 2):
        number += 1
        # Editors of some systems begin a file with a byte-order mark.
        body = line.removeprefix(BOM_UTF8) if number == 1 else line
        while not line.endswith(b"\n") and (line := stream.readline(MAX_BODY_BYTES)):
            pass
        if body.strip():
            yield number, body.removesuffix(b"\n")


def size_of(files: Sequence[Path]) -> int | None:
    """Return the total size in bytes; None if standard input is among the files."""
    return None if STDIN in files else sum(file.stat().st_size for file in files)


def progress_bar(name: str) -> Progress:
    """Return a transient progress bar on standard error, disabled without a terminal."""
    console = stderr()
    return Progress(
        TextColumn("{task.description} " + escape(name)),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
