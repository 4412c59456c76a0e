"""`metering run --live`: a live view of committed entries."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from metering.bootstrap import App
from metering.cli.output import count, escape, stdout
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_read
from metering.core.ledger.entry import State
from metering.local.demo.watch import Arrival, Watch

_LOOK_S: Final = 0.25
#: Terminal lines taken by the frames and titles of the tables.
_FRAMES: Final = 10
_FEWEST_ROWS: Final = 5
_MOST_ROWS: Final = 200

_COLUMNS: Final = ["time", "subscription", "model", "status", "tokens", "amount", "balance"]
_NAMES: Final = {"subscription", "model"}
#: The width, in characters, from which all columns fit.
_WIDE: Final = 120
#: The width of the columns with figures, and of the space between all columns.
_FIGURES: Final = 50
_FIGURES_WIDE: Final = 82
_SHORTEST_NAME: Final = 8


async def show_live(
    app: App, balances: Callable[[], Awaitable[Table]], ended: asyncio.Event
) -> None:
    """Show every entry as it is committed, until `ended`, then the last ones.

    A terminal shows the latest entries above the balances. A pipe gets one line per entry.
    """
    console = stdout()
    watch = Watch(app)
    await watch.begin()
    if console.is_terminal:
        await _redraw(console, watch, balances=balances, ended=ended)
        return
    last = False
    while not last:
        last = ended.is_set()
        async for arrival in watch.arrivals():
            console.print("  ".join(escape(cell) for cell in _cells(arrival)))
        await _pause(ended)


async def _redraw(
    console: Console,
    watch: Watch,
    *,
    balances: Callable[[], Awaitable[Table]],
    ended: asyncio.Event,
) -> None:
    rows: deque[Arrival] = deque(maxlen=_MOST_ROWS)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while not ended.is_set():
            async for arrival in watch.arrivals():
                rows.append(arrival)
            below = await balances()
            room = max(_FEWEST_ROWS, console.height - _FRAMES - below.row_count)
            live.update(Group(_table(list(rows)[-room:], console.width), below), refresh=True)
            await _pause(ended)


async def _pause(ended: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), _LOOK_S)


def _table(arrivals: list[Arrival], width: int) -> Table:
    """Return a table of the latest entries. Names are shortened before figures are."""
    # A narrow terminal omits the running balance, which is in the table below.
    columns = _COLUMNS if width >= _WIDE else _COLUMNS[:-1]
    names = max(_SHORTEST_NAME, (width - (_FIGURES_WIDE if width >= _WIDE else _FIGURES)) // 2)
    table = Table(title="Arrivals", title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for column in columns:
        is_name = column in _NAMES
        table.add_column(
            column,
            justify="left" if is_name else "right",
            max_width=names if is_name else None,
            no_wrap=True,
        )
    for arrival in arrivals:
        time, *others = map(escape, _cells(arrival)[: len(columns)])
        table.add_row(time.split("T")[1].split(".")[0].removesuffix("Z"), *others)
    return table


def _cells(arrival: Arrival) -> list[str]:
    state = arrival.entry.state
    dimensions = state.dimensions
    return [
        format_instant(arrival.entry.time),
        dimensions.subject,
        dimensions.model or dimensions.requested_model or "-",
        str(dimensions.status),
        count(arrival.tokens),
        _amount(state, arrival.currency),
        f"{arrival.tenant} {format_read(arrival.balance, arrival.currency)} {arrival.currency}",
    ]


def _amount(state: State, currency: str) -> str:
    if state.is_hold:
        return "pending"
    if state.amount is None:
        return "missing" if state.is_missing else "unpriced"
    return format_read(state.amount, currency)
