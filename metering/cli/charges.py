"""How a charge is printed: line by line, as a table or as JSON."""

from metering.cli.output import count, print_table
from metering.core.charge import Charge, ChargeLine
from metering.core.money import format_amount


def charge_json(charge: Charge) -> dict[str, object]:
    """Return a charge as JSON values; money is strings."""
    return {
        "lines": [
            {
                **line._asdict(),
                "unit_price": format_amount(line.unit_price),
                "amount": format_amount(line.amount),
            }
            for line in charge.lines
        ],
        "total": format_amount(charge.total),
    }


def print_charge(charge: Charge) -> None:
    """Print a charge for a person."""
    rows = [
        (
            line.kind.replace("_", " "),
            _what(line),
            f"{count(line.quantity)} {line.unit}{'' if abs(line.quantity) == 1 else 's'}",
            format_amount(line.unit_price),
            f"{format_amount(line.amount)} {charge.currency}",
        )
        for line in charge.lines
    ]
    rows.append(("total", "", "", "", f"{format_amount(charge.total)} {charge.currency}"))
    columns = ["charge", "what", "quantity", "unit price", "amount"]
    print_table("Charges", columns, rows, left=2)


def _what(line: ChargeLine) -> str:
    named = " ".join(name for name in (line.model, line.bucket) if name is not None)
    return named or line.term or "(not named)"
