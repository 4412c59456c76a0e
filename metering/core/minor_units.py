"""Minor units: how finely a currency is paid, and the one place where money is rounded."""

from typing import Final

from metering.core.money import AMOUNT_DECIMALS, Amount, format_fixed

#: Decimals of currencies that have not two of them: ISO 4217:2015, list of active codes.
_DECIMALS: Final = {
    **dict.fromkeys(
        (
            *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
            *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_USUAL: Final = 2


def decimals_of(currency: str) -> int:
    """Return to how many decimals a currency is paid; two where nothing else is known."""
    return _DECIMALS.get(currency, _USUAL)


def rounded(amount: Amount, currency: str) -> Amount:
    """Return an amount to the minor unit, half to even: `0.125` USD is `0.12`."""
    unit: int = 10 ** (AMOUNT_DECIMALS - decimals_of(currency))
    whole, rest = divmod(amount, unit)
    if 2 * rest > unit or (2 * rest == unit and whole % 2):
        whole += 1
    return whole * unit


def format_paid(amount: Amount, currency: str) -> str:
    """Return a rounded amount with all its decimals, for people: `"1234.50"`."""
    decimals = decimals_of(currency)
    whole, _, fraction = format_fixed(rounded(amount, currency), AMOUNT_DECIMALS).partition(".")
    return f"{whole}.{fraction.ljust(decimals, '0')}" if decimals else whole
