"""Strings and numbers that fit a schema."""

import math
from fractions import Fraction
from typing import Any, Final

from metering.local.gateway.models.draws import Draws
from metering.local.gateway.models.patterns import matching

_WORDS: Final = ("Paris", "Oslo", "Lima", "ledger", "token", "tenant", "meter", "invoice", "quota")
_NUMBERS: Final = 100
_WIDEST: Final = 10**9
#: Rises until a match is as long as it must be.
_MORE: Final = (4, 0, 16, 64, 256, 1_024)
#: Decimals of a number that no `multipleOf` bounds.
_STEP: Final = Fraction(1, 10)


def text(schema: dict[str, Any], draws: Draws) -> str:
    """Return a string by pattern, format and length; length yields to the other two."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", math.inf)
    pattern = schema.get("pattern")
    if pattern:
        made = ""
        for more in _MORE:
            made = matching(pattern, draws, more)
            if least <= len(made) <= most:
                return made
        return made
    formatted = _formatted(schema.get("format"), draws)
    if formatted is not None:
        return formatted
    made = draws.choice(_WORDS)
    while len(made) < least:
        made += f" {draws.choice(_WORDS)}"
    return made if len(made) <= most else made[: int(most)]


def _formatted(name: Any, draws: Draws) -> str | None:
    """Return a string of one of the formats that both providers' strict modes know, or None."""
    day = f"2026-{draws.randint(1, 12):02}-{draws.randint(1, 28):02}"
    time = f"{draws.randint(0, 23):02}:{draws.randint(0, 59):02}:00Z"
    digits = f"{draws.getrandbits(128):032x}"
    formats = {
        "date-time": f"{day}T{time}",
        "date": day,
        "time": time,
        "duration": f"PT{draws.randint(1, 48)}H",
        "email": f"{draws.choice(_WORDS).lower()}@example.com",
        "hostname": f"{draws.choice(_WORDS).lower()}.example.com",
        "uri": f"https://example.com/{draws.choice(_WORDS).lower()}",
        "ipv4": f"192.0.2.{draws.randint(1, 254)}",
        "ipv6": f"2001:db8::{draws.randint(1, 9_999)}",
        "uuid": f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}",
    }
    return formats.get(name) if isinstance(name, str) else None


def number(schema: dict[str, Any], draws: Draws, *, whole: bool) -> int | float | None:
    """Return a number within its bounds, or None where there is none."""
    step = _of(schema, "multipleOf")
    if whole:
        # The steps that are whole numbers: of 0.5, every 1; of 2.5, every 5.
        step = Fraction(1) if step is None else Fraction(step.numerator)
    if step is None:
        step = _fine_step(schema)
    firsts, lasts = _least(schema, step), _most(schema, step)
    first = max(firsts) if firsts else min(lasts, default=_NUMBERS) - _NUMBERS
    last = min(lasts) if lasts else first + _NUMBERS
    if first > last:
        return None
    drawn = draws.randint(first, min(last, first + _WIDEST)) * step
    return int(drawn) if drawn.denominator == 1 else float(drawn)


def _least(schema: dict[str, Any], step: Fraction) -> list[int]:
    """Return the numbers of steps that each lower bound allows at least."""
    least, above = _of(schema, "minimum"), _of(schema, "exclusiveMinimum")
    found = [] if least is None else [math.ceil(least / step)]
    return found if above is None else [*found, math.floor(above / step) + 1]


def _most(schema: dict[str, Any], step: Fraction) -> list[int]:
    """Return the numbers of steps that each upper bound allows at most."""
    most, below = _of(schema, "maximum"), _of(schema, "exclusiveMaximum")
    found = [] if most is None else [math.floor(most / step)]
    return found if below is None else [*found, math.ceil(below / step) - 1]


def _fine_step(schema: dict[str, Any]) -> Fraction:
    """Return a tenth, or less where the bounds are so close that no tenth is between them."""
    lows = [_of(schema, name) for name in ("minimum", "exclusiveMinimum")]
    highs = [_of(schema, name) for name in ("maximum", "exclusiveMaximum")]
    low = max((bound for bound in lows if bound is not None), default=None)
    high = min((bound for bound in highs if bound is not None), default=None)
    step = _STEP
    if low is not None and high is not None and high > low:
        step = min(step, (high - low) / 8)
    return step


def _of(schema: dict[str, Any], name: str) -> Fraction | None:
    return Fraction(str(schema[name])) if name in schema else None
