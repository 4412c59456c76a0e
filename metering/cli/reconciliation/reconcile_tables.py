"""What `metering reconcile` prints: tables for people, exact figures as JSON."""

from collections import defaultdict
from typing import Final

from metering.cli.output import count, print_table, stdout
from metering.core.basics.money import format_fixed
from metering.core.reconciliation.cost_row import EXACT_DECIMALS, Exact, format_exact
from metering.core.reconciliation.explain import HARMLESS, Part, Why
from metering.core.reconciliation.log_comparison import MAX_NAMED, LogReport
from metering.core.reconciliation.report import Line, Report

_COLUMNS: Final = (
    *("day", "account", "model", "metered", "our tokens", "billed tokens"),
    *("our amount", "billed amount", "why"),
)
#: Decimals of an amount in a table; JSON has all of them.
_SHOWN: Final = 8
_DROPPED: Final = 10 ** (EXACT_DECIMALS - _SHOWN)
_WHOLE: Final = 10**EXACT_DECIMALS


def remaining(report: Report, tolerance: Exact) -> list[Line]:
    """Return the lines of which a difference is left."""
    return [line for line in report.lines if line.remains(tolerance)]


def report_json(report: Report, tolerance: Exact, *, all_lines: bool) -> dict[str, object]:
    """Return a report as JSON values; amounts and billed tokens are exact decimal strings."""
    other = report.other_services
    return {
        "currency": report.currency,
        "from": report.first,
        "to": report.last,
        "lines": [_line_json(line, tolerance) for line in _shown(report, all_lines=all_lines)],
        "total": {
            "our_amount": format_exact(sum(line.our_amount for line in report.lines)),
            "billed_amount": format_exact(sum(line.cost for line in report.lines)),
            "explained": [_part_json(part) for part in _totals(report)],
        },
        "other_services": {
            "rows": other.rows,
            "amount": format_exact(other.cost + other.credit),
        },
        "remaining": len(remaining(report, tolerance)),
    }


def _line_json(line: Line, tolerance: Exact) -> dict[str, object]:
    return {
        "sort": line.sort,
        "day": line.day,
        "account": line.account,
        "deployment": line.deployment,
        "model": line.model,
        "metered": line.metered,
        "azure_meters": list(line.meters),
        "our_tokens": line.our_tokens,
        "billed_tokens": format_exact(line.tokens),
        "our_amount": format_exact(line.our_amount),
        "billed_amount": format_exact(line.cost),
        "difference": format_exact(line.cost - line.our_amount),
        "explained": [_part_json(part) for part in line.parts],
        "remains": line.remains(tolerance),
    }


def _part_json(part: Part) -> dict[str, object]:
    return {
        "why": str(part.why),
        "tokens": format_exact(part.tokens),
        "amount": format_exact(part.amount),
    }


def _shown(report: Report, *, all_lines: bool) -> list[Line]:
    return [line for line in report.lines if all_lines or line.parts]


def _totals(report: Report) -> list[Part]:
    tokens: defaultdict[Why, Exact] = defaultdict(int)
    amounts: defaultdict[Why, Exact] = defaultdict(int)
    for part in (part for line in report.lines for part in line.parts):
        tokens[part.why] += part.tokens
        amounts[part.why] += part.amount
    return [Part(why, tokens[why], amounts[why]) for why in Why if why in tokens]


def print_report(report: Report, tolerance: Exact, *, all_lines: bool) -> None:
    """Print the lines that differ, the totals, and what is left."""
    lines = _shown(report, all_lines=all_lines)
    if lines:
        print_table(
            f"{report.first} to {report.last}, {report.currency} at list price",
            _COLUMNS,
            [_row(line) for line in lines],
            left=4,
        )
    totals = [[part.why, _tokens(part.tokens), _amount(part.amount)] for part in _totals(report)]
    ours = sum(line.our_amount for line in report.lines)
    billed = sum(line.cost for line in report.lines)
    whole = [["billed less ours", "", _amount(billed - ours)]]
    print_table("Differences", ["why", "tokens", "amount"], totals + whole)
    console = stdout()
    console.print(f"billed {_amount(billed)}, ours {_amount(ours)} {report.currency}")
    other = report.other_services
    if other.rows:
        cost = _amount(other.cost + other.credit)
        console.print(f"{count(other.rows)} rows of other services ({cost}) are not compared")
    left = remaining(report, tolerance)
    if not left:
        console.print("nothing is left but rounding and lateness, or within the tolerance")
        return
    reasons = {part.why for line in left for part in line.parts if part.why not in HARMLESS}
    names = ", ".join(why for why in Why if why in reasons)
    console.print(f"a difference is left on {count(len(left))} lines: {names}")


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
        "; ".join(_part(part) for part in line.parts) or "the same",
    ]


def _part(part: Part) -> str:
    tokens = f" ({_signed(_tokens(part.tokens))} tokens)" if part.tokens else ""
    return f"{part.why} {_signed(_amount(part.amount))}{tokens}"


def _signed(text: str) -> str:
    return text if text.startswith("-") else f"+{text}"


def _tokens(tokens: Exact) -> str:
    """Return tokens for people: exports write fractions of one."""
    sign = "-" if tokens < 0 else ""
    whole, rest = divmod(abs(tokens), _WHOLE)
    fraction = format_exact(rest).partition(".")[2][:3].rstrip("0")
    return f"{sign}{count(whole)}" + (f".{fraction}" if fraction else "")


def _amount(amount: Exact) -> str:
    """Return an amount for people, rounded half up."""
    sign = "-" if amount < 0 else ""
    rounded = (abs(amount) + _DROPPED // 2) // _DROPPED
    return (sign if rounded else "") + format_fixed(rounded, _SHOWN)


def logs_json(report: LogReport) -> dict[str, object]:
    """Return a comparison with logs as JSON values."""
    return {
        "lines": [line._asdict() for line in report.lines],
        "absent": {str(why): number for why, number in sorted(report.absent.items())},
        "requests": [{**one._asdict(), "why": str(one.why)} for one in report.named],
        "refused": report.refused,
    }


def print_logs(report: LogReport, *, all_lines: bool) -> None:
    """Print both sides by day and deployment, and the requests that the ledgers do not have."""
    rows = [
        [line.day or "-", line.deployment or "-", *(count(figure) for figure in line[2:])]
        for line in report.lines
        if all_lines or line.differing or line[2:4] != line[4:6]
    ]
    if rows:
        columns = ["day", "deployment", "requests", "tokens", "logged", "tokens", "differing"]
        print_table("Gateway logs", columns, rows, left=2)
    if report.named:
        columns = ["request", "day", "deployment", "why", "tokens"]
        named = [
            [one.id, one.day or "-", one.deployment or "-", one.why, count(one.tokens)]
            for one in report.named
        ]
        print_table(f"Not in the ledgers (at most {MAX_NAMED})", columns, named, left=4)
    console = stdout()
    for why, number in sorted(report.absent.items()):
        console.print(f"{count(number)} logged requests are not in the ledgers: {why}")
    if report.refused:
        console.print(f"{count(report.refused)} log records cannot be used")
    if not report.remains:
        console.print("every logged request is in the ledgers with its tokens, or on its way")
