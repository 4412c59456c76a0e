"""A charge as a table."""

from metering.cli.output import count, print_table
from metering.core.basics.money import format_amount, format_fixed, format_read
from metering.core.billing.charge import WHOLE_UNITS, Charge, ChargeLine
from metering.core.usage.buckets import QUANTITY_DECIMALS


def print_charge(charge: Charge) -> None:
    """Print a charge line by line."""
    rows = [
        (
            line.kind.replace("_", " "),
            _item(line),
            f"{_quantity(line)} {line.unit}{'' if abs(line.quantity) == 1 else 's'}",
            _unit_price(line),
            f"{format_read(line.amount, charge.currency)} {charge.currency}",
        )
        for line in charge.lines
    ]
    total = f"{format_read(charge.total, charge.currency)} {charge.currency}"
    rows.append(("total", "", "", "", total))
    columns = ["charge", "item", "quantity", "unit price", "amount"]
    print_table("Charges", columns, rows, left=2)


def _is_whole(line: ChargeLine) -> bool:
    """Return whether the unit is counted whole. Other meters are counted in millionths."""
    return line.unit in WHOLE_UNITS


def _quantity(line: ChargeLine) -> str:
    if _is_whole(line):
        return count(line.quantity)
    return format_fixed(line.quantity, QUANTITY_DECIMALS)


def _unit_price(line: ChargeLine) -> str:
    """Return the price of a whole unit."""
    scale = 1 if _is_whole(line) else 10**QUANTITY_DECIMALS
    return format_amount(line.unit_price * scale)


def _item(line: ChargeLine) -> str:
    named = " ".join(name for name in (line.model, line.bucket) if name is not None)
    return named or line.term or "(not named)"
