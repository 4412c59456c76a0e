"""Buckets: the disjoint kinds of tokens that every provider's usage is broken into."""

from typing import Final, Literal, get_args

BucketName = Literal[
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

BUCKETS: Final[tuple[BucketName, ...]] = get_args(BucketName)
"""The order of every bucket tuple in memory and in pages."""

INPUT_BUCKETS: Final = slice(0, 7)
"""The buckets of a prompt."""

type Buckets = tuple[int, ...]
"""Tokens by bucket, in the order of BUCKETS."""

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
