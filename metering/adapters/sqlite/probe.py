"""Checks of the embedded store: the file can be read and written, and its schema is known."""

import os
from pathlib import Path

from metering.adapters.sqlite.database import Database
from metering.core.basics.errors import MeteringError
from metering.core.installation.finding import Finding, fail, ok


def probe_folder(path: Path) -> Finding | None:
    """Return a finding about a store that does not exist yet, else None; create nothing."""
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(folder, os.W_OK):
        return fail("store", f"{folder} is not writable", "change its permissions")
    return None if path.exists() else ok("store", f"{path} will be created on first use")


async def probe_file(path: Path) -> list[Finding]:
    """Return the findings about an existing store."""
    database = Database(path)
    try:
        damage = await database.write(
            lambda connection: connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        )
    except MeteringError as error:
        remedy = "end the process that locks it, or name another file in METERING_STORE"
        return [fail("store", str(error), remedy)]
    finally:
        await database.close()
    if damage != "ok":
        remedy = "restore a backup; `metering verify` names the ledgers that are intact"
        return [fail("store", f"{path} is damaged: {damage}", remedy)]
    return [ok("store", f"{path} can be read and written")]
