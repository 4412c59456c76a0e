"""The changes that a price import would make."""

from typing import Annotated, NamedTuple

import typer

from metering.adapters.prices.price_import import PriceImport, with_lines
from metering.cli import output
from metering.cli.output import count, escape, print_table, stderr, stdout
from metering.core.prices.price_changes import Change
from metering.documents.prices.changes import (
    PriceChangeDocument,
    PriceImportDocument,
    skipped_by_reason,
)

Supersede = Annotated[bool, typer.Option("--supersede", help="Replace prices that already apply.")]
AcceptJumps = Annotated[
    bool, typer.Option("--accept-jumps", help="Accept prices that changed a hundredfold.")
]


class Preview(NamedTuple):
    """A price source compared with the price book."""

    found: PriceImport
    changes: list[Change]
    refused: tuple[str, ...] = ()
    """The reasons for which a plain import would refuse it."""

    def content(self) -> bytes:
        """Return the price file of the rows that differ, under a version of its own."""
        return with_lines(self.found.content, [change.kind != "same" for change in self.changes])

    def counts(self) -> dict[str, int]:
        """Return the number of rows of each kind."""
        kinds = ("new", "changed_later", "conflict", "same")
        return {kind: sum(change.kind == kind for change in self.changes) for kind in kinds}

    def differing(self) -> list[Change]:
        """Return the rows that are new or changed."""
        return [change for change in self.changes if change.kind != "same"]

    def implausible(self) -> list[Change]:
        """Return the rows whose price changed implausibly."""
        return [
            change
            for change in self.changes
            if any(bucket.is_implausible for bucket in change.buckets)
        ]


def show(preview: Preview, limit: int, *, as_json: bool) -> None:
    """Print a preview: changes, implausible prices and skipped rows."""
    differing = preview.differing()
    groups = skipped_by_reason(preview.found.skipped)
    found = PriceImportDocument(
        version=preview.found.version,
        counts=preview.counts(),
        refused=list(preview.refused),
        implausible=[change.row.id for change in preview.implausible()[:limit]],
        changes=[PriceChangeDocument.model_validate(change) for change in differing[:limit]],
        skipped=len(preview.found.skipped),
        skipped_by_reason=groups[:limit],
    )

    def table() -> None:
        _print_import(found, len(differing))
        _print_skipped(found, len(groups))

    output.show(found, table, as_json=as_json)


def print_changes(
    changes: list[PriceChangeDocument], total: int, *, with_ratio: bool = True
) -> None:
    """Print a table of the first of `total` price changes, a line for each bucket."""
    columns = ["kind", "row", "from", "bucket", "old", "new", "ratio"]
    rows = [
        [
            *(change.kind, change.row, change.effective_from[:10], bucket),
            *(prices.old or "-", prices.new or "-", prices.ratio or "-"),
        ]
        for change in changes
        for bucket, prices in change.buckets.items()
    ]
    shown = len(columns) if with_ratio else -1
    print_table(
        f"Changes per million tokens ({count(len(changes))} of {count(total)} rows)",
        columns[:shown],
        [row[:shown] for row in rows],
        left=4,
    )


def _print_import(found: PriceImportDocument, differing: int) -> None:
    summary = ", ".join(f"{count(number)} {kind}" for kind, number in found.counts.items())
    stdout().print(escape(f"{found.version}: {summary}"))
    if differing:
        print_changes(found.changes, differing)
    for reason in found.refused:
        stderr().print(f"[yellow]would be refused:[/yellow] {escape(reason)}")


def _print_skipped(found: PriceImportDocument, reasons: int) -> None:
    if not reasons:
        return
    groups = found.skipped_by_reason
    print_table(
        f"Skipped: {count(found.skipped)}, by reason ({count(len(groups))} of {count(reasons)})",
        ["reason", "examples", "count"],
        [[one.reason, "; ".join(one.examples), count(one.count)] for one in groups],
        left=2,
    )
