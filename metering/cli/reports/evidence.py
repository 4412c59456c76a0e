"""`metering evidence`: what proves a bill without this system."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer

from metering import bootstrap
from metering.adapters.evidence.verifier import VERIFIER_NAME, verifier
from metering.cli.options import PeriodName, Tenant, period_for, with_app
from metering.cli.output import stdout
from metering.core.basics.errors import ConfigurationError


def evidence(
    tenant: Tenant,
    period: PeriodName = None,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write to this file instead of standard output."),
    ] = None,
    with_verifier: Annotated[
        bool, typer.Option("--with-verifier", help="Put the verifier beside the file of --out.")
    ] = False,
) -> None:
    """Write what proves TENANT's bill of a period: pages, statements, records and inclusion proofs.

    The format is in docs/proofs.md. The verifier is one file that needs Python and nothing else:
    python check_evidence.py evidence.jsonl --anchor anchor.json

    Example:  metering evidence acme --period 2026-11 --out evidence.jsonl --with-verifier
    """
    if with_verifier and out is None:
        raise typer.BadParameter("needs --out", param_hint="--with-verifier")

    async def write(app: bootstrap.App) -> int:
        of = await period_for(app, tenant, period)
        return await _write(app.evidence.lines(tenant, of), out)

    written = with_app(write)
    if out is not None:
        stdout().print(f"{out}: {written:,} bytes")
        if with_verifier:
            place = out.with_name(VERIFIER_NAME)
            place.write_text(verifier(), encoding="utf-8")
            stdout().print(f"{place}: python {place.name} {out.name} --anchor anchor.json")


async def _write(lines: AsyncIterator[bytes], out: Path | None) -> int:
    """Write lines to a file, whole or not at all, or to standard output; return the bytes."""
    if out is None:
        async for line in lines:
            sys.stdout.buffer.write(line)
        return 0
    part, count = out.with_name(f"{out.name}.part"), 0
    try:
        with part.open("wb") as file:
            async for line in lines:
                count += file.write(line)
        part.replace(out)
    except OSError as error:
        raise ConfigurationError(f"--out {out}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return count
