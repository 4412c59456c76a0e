"""Buckets: the disjoint kinds of tokens that every provider's usage is broken into.

After the ten of tokens comes `quantity`, for meters that count anything else.
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
    "output",
    "reasoning",
    "output_audio",
]
"""No token is in two of them."""

BucketName = Literal[TokenBucket, "quantity"]
"""Any bucket: of tokens, or what another meter counted."""

TOKEN_BUCKETS: Final[tuple[TokenBucket, ...]] = get_args(TokenBucket)

#: What another meter counted, in 10^-6 of its unit.
QUANTITY: Final = "quantity"
QUANTITY_DECIMALS: Final = 6

BUCKETS: Final[tuple[str, ...]] = (*TOKEN_BUCKETS, QUANTITY)
"""The order of every bucket tuple in memory and in pages."""

TOKENS: Final = slice(0, len(TOKEN_BUCKETS))
"""The buckets that hold tokens."""

INPUT_BUCKETS: Final = slice(0, 7)
"""The buckets of a prompt."""

type Buckets = tuple[int, ...]
"""Counts by bucket, in the order of BUCKETS: tokens, and the quantity of another meter."""

NO_TOKENS: Final[Buckets] = (0,) * len(BUCKETS)

INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(BUCKETS)}


def by_name(buckets: Buckets) -> dict[str, int]:
    """Return the non-zero buckets by name."""
    return {name: count for name, count in zip(BUCKETS, buckets, strict=True) if count}


def from_names(counts: dict[str, int]) -> Buckets:
    """Return a bucket tuple from counts by name; KeyError names an unknown bucket."""
    values = [0] * len(BUCKETS)
    for name, count in counts.items():
        values[INDEX[name]] = count
    return tuple(values)
