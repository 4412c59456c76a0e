"""Files of events: JSON Lines, each line the body of one event."""

import sys
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
    """Raise BadParameter for what is neither a file nor standard input."""
    for file in files:
        if file != STDIN and (file.is_dir() or not file.exists()):
            raise typer.BadParameter(f"there is no file {str(file)!r}", param_hint="FILE")


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """Give the bytes of a file or of standard input."""
    if file == STDIN:
        yield sys.stdin.buffer
        return
    with file.open("rb") as stream:
        yield stream


def read_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank with their numbers, without the newline.

    Of a line longer than any event can be, its beginning: longer than MAX_BODY_BYTES still.
    """
    number = 0
    while line := stream.readline(MAX_BODY_BYTES + 2):
        number += 1
        body = line
        while not line.endswith(b"\n") and (line := stream.readline(MAX_BODY_BYTES)):
            pass
        if body.strip():
            yield number, body.removesuffix(b"\n")


def size_of(files: Sequence[Path]) -> int | None:
    """Return how many bytes there are; None where standard input is among the files."""
    return None if STDIN in files else sum(file.stat().st_size for file in files)


def progress_bar(name: str) -> Progress:
    """Return a bar on standard error that is gone at the end; none where that is no terminal."""
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
