"""`metering repair`: repair ledgers after a restore, or with counts that a store has rounded."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from metering import bootstrap
from metering.app.ledger.repair import Findings
from metering.cli.auditing import changing
from metering.cli.options import Tenant, ledgers_named, must_know, with_app
from metering.cli.output import AsJson, count, plural, print_table, show, stdout
from metering.core.basics.documents import Document
from metering.core.calendars.periods import LedgerId
from metering.documents.ledger.repair import LedgerRepair


def repair(
    tenant: Tenant,
    period: Annotated[str | None, typer.Option(help="Only this period, like 2026-11.")] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Repair. Default: only tell what is needed.")
    ] = False,
    cut: Annotated[
        bool, typer.Option("--cut", help="End a ledger before a damaged page that no backup has.")
    ] = False,
    keep: Annotated[
        Path, typer.Option(dir_okay=False, help="The file that gets what is set aside.")
    ] = Path("set-aside.jsonl"),
    as_json: AsJson = False,
) -> None:
    """Repair the ledgers of TENANT that a restore left halfway, or with rounded counts.

    Stop counting first. Pages are kept as far as their hashes and chain hold; later pages and
    effects without their page are set aside in a file, and the head is folded from what is
    kept. Exit status 1 if a repair is needed and --apply is not given.

    Example:  metering repair acme --period 2026-11 --apply --keep acme.jsonl
    """

    def put(document: Document) -> None:
        with keep.open("a", encoding="utf-8") as file:
            file.write(json.dumps(document, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    async def work(app: bootstrap.App) -> list[tuple[LedgerId, Findings]]:
        await must_know(app, tenant)
        ledgers = await app.ledgers.ledgers(tenant)
        if period is not None:
            wanted = set(await ledgers_named(app, tenant, period))
            ledgers = [ledger for ledger in ledgers if ledger in wanted]
        return [
            (
                ledger,
                await (
                    app.repair.apply(ledger, put, cut=cut) if apply else app.repair.look(ledger)
                ),
            )
            for ledger in ledgers
        ]

    asked = {"period": period, "cut": cut, "keep": str(keep)}
    resource = f"ledgers/{tenant}"
    found = changing("ledgers.repair", resource, asked, work) if apply else with_app(work)
    documents = [LedgerRepair.of(ledger, one) for ledger, one in found]
    show(documents, lambda: _print(documents, keep, applied=apply), as_json=as_json)
    if not apply and not all(one.is_sound for _, one in found):
        raise typer.Exit(1)


def _print(found: list[LedgerRepair], keep: Path, *, applied: bool) -> None:
    rows = [
        [
            one.ledger,
            "holds" if one.holds else "repaired" if applied else "NEEDS REPAIR",
            count(one.pages),
            count(one.restored),
            count(one.set_aside),
            one.damaged or "",
        ]
        for one in found
    ]
    columns = ["ledger", "state", "pages", "restored", "set aside", "damage"]
    print_table("Repair", columns, rows, left=2)
    aside = sum(one.set_aside for one in found)
    if aside and applied:
        stdout().print(f"{plural(aside, 'document')} set aside in {keep}.")
        stdout().print(
            "Replay Capture since the last page: what is counted already is a duplicate."
        )
