"""Counts in sentences for people."""


def plural(number: int, noun: str, many: str | None = None) -> str:
    """Return a number of things: `1 request`, `2,000 requests`; `many` is an irregular plural."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"
