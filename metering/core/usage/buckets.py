"""Buckets: the disjoint kinds of tokens that every provider's usage is broken into.

The buckets of tokens are followed by `quantity`, for meters that count anything else.
"""

from typing import Final, Literal, get_args

TokenBucket = Literal[
    "input",
    "cached_read",
    "cache_write",
    "cache_write_long",
    "input_audio",
    "cached_audio",
    "input_image",
    "cached_image",
    "output",
    "reasoning",
    "output_audio",
    "output_image",
]
"""Each token is in exactly one of them."""

BucketName = Literal[TokenBucket, "quantity"]
"""Any bucket: of tokens, or the count of another meter."""

TOKEN_BUCKETS: Final[tuple[TokenBucket, ...]] = get_args(TokenBucket)

#: The count of another meter, in 10^-6 of its unit.
QUANTITY: Final = "quantity"
QUANTITY_DECIMALS: Final = 6

BUCKETS: Final[tuple[str, ...]] = (*TOKEN_BUCKETS, QUANTITY)
"""The order of every bucket tuple in memory and in pages."""

TOKENS: Final = slice(0, len(TOKEN_BUCKETS))
"""The buckets that hold tokens."""

INPUT_BUCKETS: Final = slice(0, 8)
"""The buckets of a prompt."""

type Buckets = tuple[int, ...]
"""Counts by bucket, in the order of BUCKETS: tokens, and the quantity of another meter."""

NO_TOKENS: Final[Buckets] = (0,) * len(BUCKETS)

INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(BUCKETS)}

#: Buckets that came after the first documents were written (2026-11-30). Whatever is written or
#: hashed by position lists them last, and only where they hold something else than the default:
#: so everything written before keeps its bytes.
_LATER: Final = ("cached_image", "output_image")
_POSITIONS: Final = (
    *(INDEX[name] for name in BUCKETS if name not in _LATER),
    *(INDEX[name] for name in _LATER),
)
_FIRST: Final = len(BUCKETS) - len(_LATER)


def by_name(buckets: Buckets) -> dict[str, int]:
    """Return the non-zero buckets by name."""
    return {name: count for name, count in zip(BUCKETS, buckets, strict=True) if count}


def from_names(counts: dict[str, int]) -> Buckets:
    """Return a bucket tuple from counts by name; KeyError names an unknown bucket."""
    values = [0] * len(BUCKETS)
    for name, count in counts.items():
        values[INDEX[name]] = count
    return tuple(values)


def by_position(values: Buckets, default: int = 0) -> Buckets:
    """Return values of buckets as documents and digests list them, without trailing defaults."""
    first = tuple([values[position] for position in _POSITIONS[:_FIRST]])
    later = tuple([values[position] for position in _POSITIONS[_FIRST:]])
    return first if all(value == default for value in later) else first + later


def from_positions(values: Buckets, default: int = 0) -> Buckets:
    """Return the values that `by_position` wrote, in the order of BUCKETS."""
    found = [default] * len(BUCKETS)
    for position, value in zip(_POSITIONS, values, strict=False):
        found[position] = value
    return tuple(found)
