"""Rows of Microsoft's public Azure LLM inference trace 2023."""

import csv
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, parse_instant

SAMPLE = "local/demo/sample/azure-llm-trace-2023-sample.csv"


class TraceRow(NamedTuple):
    """One request of the trace; `number` counts from 0."""

    number: int
    time: Instant
    prompt_tokens: int
    output_tokens: int


def read_trace(path: Path | None = None) -> list[TraceRow]:
    """Return the rows of a trace file, by default of the bundled sample."""
    source = files("metering") / SAMPLE if path is None else path
    try:
        lines = source.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{source}: {error}") from None
    try:
        rows = [
            TraceRow(
                number,
                parse_instant(row["TIMESTAMP"].replace(" ", "T") + "Z"),
                int(row["ContextTokens"]),
                int(row["GeneratedTokens"]),
            )
            for number, row in enumerate(csv.DictReader(lines))
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{source}: not a trace of TIMESTAMP,ContextTokens,GeneratedTokens: {error}"
        ) from None
    if not rows:
        raise ConfigurationError(f"{source}: not a trace: it has no rows")
    return rows
