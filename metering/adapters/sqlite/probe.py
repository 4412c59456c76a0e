"""Checks of the embedded store: a file that can be read and written, of a schema we know."""

import os
from pathlib import Path

from metering.adapters.sqlite.database import Database
from metering.core.basics.errors import MeteringError
from metering.core.installation.finding import Finding, fail, ok


def probe_folder(path: Path) -> Finding | None:
    """Return what is found of a store that is not there yet, which is not made; else None."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(folder, os.W_OK):
        return fail("store", f"{folder} may not be written to", "change its permissions")
    return None if path.exists() else ok("store", f"{path} will be made at first use")


async def probe_file(path: Path) -> list[Finding]:
    """Return what is found of a store that is there."""
    database = Database(path)
    try:
        damage = await database.write(
            lambda connection: connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        )
    except MeteringError as error:
        remedy = "end what holds it, or name another file with METERING_STORE"
        return [fail("store", str(error), remedy)]
    finally:
        await database.close()
    if damage != "ok":
        remedy = "restore a copy: `metering verify` says which ledgers are whole"
        return [fail("store", f"{path} is damaged: {damage}", remedy)]
    return [ok("store", f"{path} can be read and written")]
