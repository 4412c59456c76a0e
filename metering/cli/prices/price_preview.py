"""A preview of an import of prices, as it is printed."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice
from typing import Final, NamedTuple

from metering.adapters.prices.price_import import PriceImport, Skipped, with_lines
from metering.cli.output import count, escape, print_json, print_table, stderr, stdout
from metering.core.basics.instants import format_instant
from metering.core.basics.money import PRICE_DECIMALS, format_fixed
from metering.core.prices.price_changes import BucketChange, Change

_MILLION: Final = 1_000_000
_EXAMPLES: Final = 3


class Preview(NamedTuple):
    """The prices of a source, against those of the book."""

    found: PriceImport
    changes: list[Change]
    refused: tuple[str, ...] = ()
    """The reasons for which a plain import would refuse it."""

    def content(self) -> bytes:
        """Return the price file of the rows that differ, under a version of its own."""
        return with_lines(self.found.content, [change.kind != "same" for change in self.changes])

    def counts(self) -> dict[str, int]:
        """Return how many rows there are of each kind."""
        kinds = ("new", "changed_later", "conflict", "same")
        return {kind: sum(change.kind == kind for change in self.changes) for kind in kinds}

    def differing(self) -> list[Change]:
        """Return the rows that the book does not have yet."""
        return [change for change in self.changes if change.kind != "same"]

    def implausible(self) -> list[Change]:
        """Return the rows with a price that moved too far to be believed."""
        return [
            change
            for change in self.changes
            if any(bucket.is_implausible for bucket in change.buckets)
        ]


def show(preview: Preview, limit: int, *, as_json: bool) -> None:
    """Print a preview: changes, implausible jumps, and what was left out."""
    differing = preview.differing()
    groups = _by_reason(preview.found.skipped)
    if as_json:
        print_json(
            {
                "version": preview.found.version,
                "counts": preview.counts(),
                "refused": list(preview.refused),
                "implausible": [change.row.id for change in preview.implausible()[:limit]],
                "changes": [_change_json(change) for change in differing[:limit]],
                "skipped": len(preview.found.skipped),
                "skipped_by_reason": [
                    {"reason": reason, "count": len(names), "examples": names[:_EXAMPLES]}
                    for reason, names in groups[:limit]
                ],
            }
        )
        return
    _print_changes(preview, differing, limit)
    for reason in preview.refused:
        stderr().print(f"[yellow]would be refused:[/yellow] {escape(reason)}")
    _print_skipped(len(preview.found.skipped), groups, limit)


def _print_changes(preview: Preview, differing: Sequence[Change], limit: int) -> None:
    summary = ", ".join(f"{count(number)} {kind}" for kind, number in preview.counts().items())
    stdout().print(escape(f"{preview.found.version}: {summary}"))
    if differing:
        print_table(
            f"Changes per million tokens ({count(min(limit, len(differing)))} of"
            f" {count(len(differing))} rows)",
            ["kind", "row", "from", "bucket", "old", "new", "ratio"],
            [
                [
                    change.kind,
                    change.row.id,
                    format_instant(change.row.effective_from)[:10],
                    bucket.bucket,
                    _per_million(bucket.old) or "-",
                    _per_million(bucket.new) or "-",
                    _ratio(bucket) or "-",
                ]
                for change in islice(differing, limit)
                for bucket in change.buckets
            ],
            left=4,
        )


def _print_skipped(total: int, groups: Sequence[tuple[str, list[str]]], limit: int) -> None:
    if not groups:
        return
    print_table(
        f"Left out: {count(total)}, by reason ({count(min(limit, len(groups)))} of"
        f" {count(len(groups))} reasons)",
        ["reason", "for example", "count"],
        [
            [reason, "; ".join(names[:_EXAMPLES]), count(len(names))]
            for reason, names in groups[:limit]
        ],
        left=2,
    )


def _by_reason(skipped: Sequence[Skipped]) -> list[tuple[str, list[str]]]:
    """Return what was left out by reason, the most frequent first."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for what, reason in skipped:
        groups[reason].append(what)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def _change_json(change: Change) -> dict[str, object]:
    return {
        "kind": change.kind,
        "row": change.row.id,
        "effective_from": format_instant(change.row.effective_from),
        "old_version": None if change.old is None else change.old.version,
        "buckets": {
            bucket.bucket: {
                "old": _per_million(bucket.old),
                "new": _per_million(bucket.new),
                "ratio": _ratio(bucket),
            }
            for bucket in change.buckets
        },
    }


def _per_million(price: int | None) -> str | None:
    return None if price is None else format_fixed(price * _MILLION, PRICE_DECIMALS)


def _ratio(bucket: BucketChange) -> str | None:
    """Return new over old to four digits, for people; the exact prices stand beside it."""
    ratio = bucket.ratio
    if ratio is None:
        return None
    return f"{Decimal(ratio.numerator) / Decimal(ratio.denominator):.4g}"
