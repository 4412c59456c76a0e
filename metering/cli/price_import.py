"""`metering prices diff` and `import`: what published prices would change, and taking them over."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice
from typing import Annotated, Final, NamedTuple

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from metering import bootstrap
from metering.adapters.price_sources.genai_prices_source import DEFAULT_PROVIDER
from metering.adapters.price_sources.price_import import PriceImport, Skipped, with_lines
from metering.adapters.price_sources.sources import AZURE_LIVE, Wanted, read_source
from metering.cli.output import AsJson, count, escape, print_json, print_table, stderr, stdout
from metering.core.errors import ConfigurationError
from metering.core.instants import format_instant, to_datetime
from metering.core.money import PRICE_DECIMALS, format_fixed
from metering.core.price_book import read_price_file
from metering.core.price_changes import BucketChange, Change, price_changes

_MILLION: Final = 1_000_000
_EXAMPLES: Final = 3

Source = Annotated[
    str,
    typer.Argument(
        help="azure (the snapshot that is installed), azure-live, genai-prices, or a file.",
        show_default=False,
    ),
]
Provider = Annotated[str, typer.Option(help="Whose list prices genai-prices is asked for.")]
Currency = Annotated[str, typer.Option(help="The currency that a file must be in.")]
Limit = Annotated[int, typer.Option(min=1, help="How many changes and reasons to show.")]


class Preview(NamedTuple):
    """What a source has, against what is known."""

    found: PriceImport
    changes: list[Change]

    def counts(self) -> dict[str, int]:
        """Return how many rows there are of each kind."""
        kinds = ("new", "changed_later", "conflict", "same")
        return {kind: sum(change.kind == kind for change in self.changes) for kind in kinds}

    def differing(self) -> list[Change]:
        """Return what is not known yet."""
        return [change for change in self.changes if change.kind != "same"]

    def implausible(self) -> list[Change]:
        """Return the rows with a price that moved too far to be believed."""
        return [
            change
            for change in self.changes
            if any(bucket.is_implausible for bucket in change.buckets)
        ]


def publish(app: bootstrap.App, content: bytes, supersede: bool) -> None:  # noqa: ARG001, FBT001
    """Publish a price file as a new version."""
    raise ConfigurationError("not wired")


def diff_prices(
    source: Source,
    provider: Provider = DEFAULT_PROVIDER,
    currency: Currency = "USD",
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what importing a source would change, and what it lists but cannot be taken over.

    Nothing is written.

    Example:  metering prices diff azure
    """
    preview = _preview(bootstrap.current(), source, provider, currency)
    _show(preview, limit, as_json=as_json)


def import_prices(
    source: Source,
    provider: Provider = DEFAULT_PROVIDER,
    currency: Currency = "USD",
    supersede: Annotated[
        bool, typer.Option("--supersede", help="Replace prices that already hold from then on.")
    ] = False,
    accept_jumps: Annotated[
        bool, typer.Option("--accept-jumps", help="Believe prices that moved a hundredfold.")
    ] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Publish what a source has and the price book has not, as a new version.

    Rows that are known already are left out. Prices that would rewrite history are refused without
    --supersede, and those that moved a hundredfold without --accept-jumps: mostly a misread unit.

    Example:  metering prices import genai-prices
    """
    app = bootstrap.current()
    preview = _preview(app, source, provider, currency)
    conflicts = preview.counts()["conflict"]
    if conflicts and not supersede:
        raise ConfigurationError(
            f"{source}: {count(conflicts)} rows have another price from the same instant:"
            " look at them with `metering prices diff`, and import with --supersede"
        )
    if preview.implausible() and not accept_jumps:
        first = preview.implausible()[0].row
        raise ConfigurationError(
            f"{source}: {first.id}: the price moved a hundredfold: is its unit right?"
            " If it is, import with --accept-jumps"
        )
    if preview.differing():
        keep = [change.kind != "same" for change in preview.changes]
        publish(app, with_lines(preview.found.content, keep), supersede)
    _show(preview, limit, as_json=as_json)


def _preview(app: bootstrap.App, source: str, provider: str, currency: str) -> Preview:
    wanted = Wanted(source, currency, to_datetime(app.clock.now()).date(), provider)
    console = stderr()
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        console=console,
        disable=source != AZURE_LIVE or not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task("asking for prices", total=None)

        def show(pages: int, items: int) -> None:
            bar.update(task, description=f"{count(pages)} pages, {count(items)} prices")

        found = read_source(wanted, show)
    rows = read_price_file(found.version, found.content)
    return Preview(found, price_changes(app.prices, rows))


def _show(preview: Preview, limit: int, *, as_json: bool) -> None:
    differing = preview.differing()
    groups = _by_reason(preview.found.skipped)
    if as_json:
        print_json(
            {
                "version": preview.found.version,
                "counts": preview.counts(),
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
    for change in preview.implausible()[:limit]:
        stderr().print(
            f"[yellow]warning:[/yellow] {escape(change.row.id)}: the price moved a hundredfold:"
            " is its unit right?"
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
