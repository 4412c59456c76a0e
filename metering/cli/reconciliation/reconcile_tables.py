"""Tables of `metering reconcile`."""

from typing import Final

from metering.cli.output import count, plural, print_table, stdout
from metering.core.basics.money import format_fixed
from metering.core.reconciliation.cost_row import EXACT_DECIMALS, Exact, format_exact
from metering.core.reconciliation.explain import HARMLESS, Part, Why
from metering.core.reconciliation.log_comparison import MAX_NAMED, LogReport
from metering.core.reconciliation.report import Line, Report, uniform_discount
from metering.documents.reconciliation import (
    discounted_lines,
    explained_total,
    remaining_lines,
    shown_lines,
)

_COLUMNS: Final = (
    *("day", "account", "model", "metered", "our tokens", "billed tokens"),
    *("our amount", "billed amount", "cause"),
)
#: Decimals of an amount in a table; `--json` prints all of them.
_SHOWN: Final = 8
_DROPPED: Final = 10 ** (EXACT_DECIMALS - _SHOWN)
_WHOLE: Final = 10**EXACT_DECIMALS


def print_report(report: Report, tolerance: Exact, *, all_lines: bool) -> None:
    """Print the lines that differ, the totals, and the remaining differences."""
    lines = shown_lines(report, all_lines=all_lines)
    if lines:
        print_table(
            f"{report.first} to {report.last}, {report.currency} at list price",
            _COLUMNS,
            [_row(line) for line in lines],
            left=4,
        )
    totals = [
        [part.why, _tokens(part.tokens), _amount(part.amount)] for part in explained_total(report)
    ]
    ours = sum(line.our_amount for line in report.lines)
    billed = sum(line.cost for line in report.lines)
    whole = [["billed minus ours", "", _amount(billed - ours)]]
    print_table("Differences", ["cause", "tokens", "amount"], totals + whole)
    console = stdout()
    console.print(f"billed {_amount(billed)}, ours {_amount(ours)} {report.currency}")
    discounted = discounted_lines(report)
    if discounted:
        console.print(
            f"the agreed discount was taken off list prices on {plural(discounted, 'line')}"
        )
    other = report.other_services
    if other.rows:
        cost = _amount(other.cost + other.credit)
        console.print(f"not compared: {plural(other.rows, 'row')} of other services ({cost})")
    left = remaining_lines(report, tolerance)
    if not left:
        console.print("no difference remains beyond rounding, late data and the tolerance")
        return
    reasons = {part.why for line in left for part in line.parts if part.why not in HARMLESS}
    names = ", ".join(why for why in Why if why in reasons)
    console.print(f"a difference remains on {plural(len(left), 'line')}: {names}")
    uniform = uniform_discount(report)
    if uniform is not None:
        percent = format_fixed(uniform, 2)
        below = f"{percent} % below list"
        console.print(f"every price is {below}: if that is agreed, --discount {percent}")


def _row(line: Line) -> list[str]:
    place = "/".join(part for part in (line.account, line.deployment) if part)
    in_tokens = line.sort == "tokens"
    return [
        line.day,
        place or "-",
        line.model or line.sort,
        line.metered,
        count(line.our_tokens) if in_tokens else "-",
        _tokens(line.tokens) if in_tokens else "-",
        _amount(line.our_amount),
        _amount(line.cost),
        "; ".join(_part(part) for part in line.parts) or "equal",
    ]


def _part(part: Part) -> str:
    noun = "token" if abs(part.tokens) == _WHOLE else "tokens"
    tokens = f" ({_signed(_tokens(part.tokens))} {noun})" if part.tokens else ""
    return f"{part.why} {_signed(_amount(part.amount))}{tokens}"


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def _tokens(tokens: Exact) -> str:
    """Return tokens for people. Exports contain fractions of a token."""
    sign = "-" if tokens < 0 else ""
    whole, rest = divmod(abs(tokens), _WHOLE)
    fraction = format_exact(rest).partition(".")[2][:3].rstrip("0")
    return f"{sign}{count(whole)}" + (f".{fraction}" if fraction else "")


def _amount(amount: Exact) -> str:
    """Return an amount for people, rounded half up."""
    sign = "-" if amount < 0 else ""
    rounded = (abs(amount) + _DROPPED // 2) // _DROPPED
    return (sign if rounded else "") + format_fixed(rounded, _SHOWN)


def print_logs(report: LogReport, *, all_lines: bool) -> None:
    """Print both sides by day and deployment, and requests missing from the ledgers."""
    rows = [
        [line.day or "-", line.deployment or "-", *(count(figure) for figure in line[2:])]
        for line in report.lines
        if all_lines or line.differing or line[2:4] != line[4:6]
    ]
    if rows:
        columns = ["day", "deployment", "requests", "tokens", "logged", "tokens", "differing"]
        print_table("Gateway logs", columns, rows, left=2)
    if report.named:
        columns = ["request", "day", "deployment", "cause", "tokens"]
        named = [
            [one.id, one.day or "-", one.deployment or "-", one.why, count(one.tokens)]
            for one in report.named
        ]
        print_table(f"Missing from the ledgers (at most {MAX_NAMED})", columns, named, left=4)
    if report.differing:
        columns = ["request", "day", "deployment", "tokens", "logged"]
        differing = [
            [one.id, one.day, one.deployment or "-", count(one.tokens), count(one.logged_tokens)]
            for one in report.differing
        ]
        print_table(f"Tokens differ (at most {MAX_NAMED})", columns, differing, left=3)
    console = stdout()
    for why, number in sorted(report.absent.items()):
        console.print(f"missing from the ledgers: {plural(number, 'logged request')}: {why}")
    if report.refused:
        console.print(f"{plural(report.refused, 'log record')} with unusable counts")
    if not report.remains:
        console.print("every logged request is in the ledgers with its tokens, or still pending")
