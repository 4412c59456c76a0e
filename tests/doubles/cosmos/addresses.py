"""Resource paths: the resource of a request, and the link that its signature covers."""

import base64
from dataclasses import dataclass

from tests.doubles.cosmos.errors import Refusal

_TYPES = ("dbs", "colls", "docs")
_LEAVES = ("docs", "pkranges")


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed path: the names of database, container and item, as far as it goes."""

    type: str
    names: tuple[str, ...]
    is_feed: bool
    link: str

    @property
    def database(self) -> str:
        """Return the database's name, or an empty string."""
        return self.names[0] if self.names else ""

    @property
    def container(self) -> str:
        """Return the container's name, or an empty string."""
        return self.names[1] if len(self.names) > 1 else ""

    @property
    def item(self) -> str:
        """Return the item's id, or an empty string."""
        return self.names[2] if len(self.names) > 2 else ""

    @property
    def by_rid(self) -> bool:
        """Return whether the names are resource ids, as in the `_self` of an item."""
        return bool(self.names) and _is_database_rid(self.names[0])

    @property
    def signed_link(self) -> str:
        """Return the link that the signature covers: the names, or the resource id alone."""
        return self.names[-1].lower() if self.by_rid else self.link


def read_path(path: str) -> Address:
    """Parse a decoded path; refuse an unknown one."""
    parts = [part for part in path.split("/") if part]
    if not parts:
        return Address("", (), is_feed=False, link="")
    types, names = parts[0::2], tuple(parts[1::2])
    is_feed = len(types) > len(names)
    known = list(_TYPES[: len(types)])
    if known and types[-1] in _LEAVES and len(types) == len(_TYPES):
        known[-1] = types[-1]
    if types != known:
        raise Refusal(404, f"The Cosmos DB double has no resource at /{path.strip('/')}.")
    link = "/".join(parts[:-1] if is_feed else parts)
    return Address(types[-1], names, is_feed=is_feed, link=link)


def make_rid(*numbers: tuple[int, int]) -> str:
    """Return a resource id from (number, bytes) pairs, in the service's variant of base64."""
    raw = b"".join(number.to_bytes(width, "big") for number, width in numbers)
    return base64.b64encode(raw).decode().replace("/", "-")


def _is_database_rid(name: str) -> bool:
    try:
        return len(base64.b64decode(name.replace("-", "/"), validate=True)) == 4
    except ValueError:
        return False
