"""An index of request ids in little memory: about 25 bytes an id once there are many."""

import hashlib
from typing import Final

type Digest = bytes
"""The first 16 bytes of a hash: no two requests are confused, also if somebody chooses ids."""

_DIGEST_BYTES: Final = 16
_NUMBER_BYTES: Final = 4
_RECORD: Final = _DIGEST_BYTES + _NUMBER_BYTES
#: Bytes of a digest that name its bucket.
_BUCKET_BYTES: Final = 2
#: What Python adds to a bucket: its place in the dictionary, its key, its object.
_BUCKET_SIZE: Final = 170


def digest_of(request_id: str, of: bytes = b"") -> Digest:
    """Return the digest of a request id; `of` keeps several things of one request apart."""
    return hashlib.blake2b(request_id.encode(), digest_size=_DIGEST_BYTES, person=of).digest()


class IdIndex:
    """Numbers by digest. A digest that is there keeps its number."""

    def __init__(self) -> None:
        self._buckets: dict[bytes, bytes] = {}
        self.entries = 0

    @property
    def size(self) -> int:
        """About how many bytes the index takes."""
        return self.entries * _RECORD + len(self._buckets) * _BUCKET_SIZE

    def add(self, digest: Digest, number: int) -> None:
        """Add a digest unless it is there; `number` is below 2^32."""
        bucket = self._buckets.get(digest[:_BUCKET_BYTES], b"")
        if _place(bucket, digest) is None:
            record = digest + number.to_bytes(_NUMBER_BYTES)
            self._buckets[digest[:_BUCKET_BYTES]] = bucket + record
            self.entries += 1

    def find(self, digest: Digest) -> int | None:
        """Return the number of a digest, or None."""
        bucket = self._buckets.get(digest[:_BUCKET_BYTES])
        place = None if bucket is None else _place(bucket, digest)
        if bucket is None or place is None:
            return None
        return int.from_bytes(bucket[place + _DIGEST_BYTES : place + _RECORD])


def _place(bucket: bytes, digest: Digest) -> int | None:
    """Return where the record of a digest begins."""
    place = bucket.find(digest)
    while place % _RECORD and place >= 0:
        # Across two records: no record begins here.
        place = bucket.find(digest, place + 1)
    return place if place >= 0 else None
