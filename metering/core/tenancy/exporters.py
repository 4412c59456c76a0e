"""Exporters: systems that push telemetry, each with keys of its own, which are kept as hashes."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant
from metering.core.basics.patterns import IDENTIFIER
from metering.core.basics.validation import Strict
from metering.core.tenancy.members import check_member
from metering.core.tenancy.record import Decision, Record

#: Keys at once: the present one, and those before it while senders change over.
MAX_KEYS: Final = 4
#: How long a former key may stay valid.
MAX_OVERLAP: Final = 30 * DAY
#: Characters of a key's secret: 256 bits in base64.
_LEAST_SECRET: Final = 40

type Reports = Literal["aggregates", "requests"]
"""The meaning of an exporter's telemetry: sums over many requests from its metrics, or single
requests from its spans. Never both, since they are the same traffic."""


class Key(Strict):
    """A key of an exporter."""

    hash: str
    """SHA-256 of the key, in hexadecimal."""
    until: Instant | None = None
    """The end of its validity; None while it is the present key."""


class Exporter(Strict):
    """A system that pushes telemetry."""

    reports: Reports = "aggregates"
    keys: Annotated[tuple[Key, ...], Field(max_length=MAX_KEYS)] = ()
    identity: str | None = None
    """`app:<client id>` of Microsoft Entra, with which it may sign in instead of a key."""


class Named(NamedTuple):
    """An exporter by its name."""

    name: str
    exporter: Exporter


class Exporters:
    """The exporters in force."""

    def __init__(self) -> None:
        self._by_name: dict[str, Exporter] = {}
        self._by_hash: dict[str, str] = {}
        self._by_identity: dict[str, str] = {}

    def add(self, record: Record) -> None:
        """Take a further record into account."""
        self._by_name[record.key] = Exporter.model_validate_json(record.value)
        named = self._by_name.items()
        self._by_hash = {key.hash: name for name, one in named for key in one.keys}
        self._by_identity = {one.identity: name for name, one in named if one.identity}

    def of(self, name: str) -> Exporter | None:
        """Return an exporter; None if it was never set."""
        return self._by_name.get(name)

    def by_key(self, key: str, at: Instant) -> Named | None:
        """Return the exporter whose key it is at an instant. The key itself is compared by hash."""
        digest = hash_of_key(key)
        name = self._by_hash.get(digest)
        if name is None:
            return None
        exporter = self._by_name[name]
        is_valid = any(one.hash == digest and _is_valid(one, at) for one in exporter.keys)
        return Named(name, exporter) if is_valid else None

    def by_identity(self, identity: str) -> Named | None:
        """Return the exporter that signs in under an identity."""
        name = self._by_identity.get(identity)
        return None if name is None else Named(name, self._by_name[name])

    def all(self) -> Mapping[str, Exporter]:
        """Return the exporters by name, sorted."""
        return dict(sorted(self._by_name.items()))


def hash_of_key(key: str) -> str:
    """Return the form in which a key is kept: it has 256 bits of chance, so no salt is needed."""
    return hashlib.sha256(key.encode()).hexdigest()


def set_exporter(
    exporters: Exporters,
    name: str,
    now: Instant,
    *,
    reports: Reports | None,
    identity: str | None,
) -> Decision[Instant]:
    """Let an exporter report aggregates or requests from now on; None leaves a part as it is.

    What it reports cannot be changed once it has keys: its counters would be counted again as
    requests, or the other way round.
    """
    if not IDENTIFIER.fullmatch(name) or name != name.lower():
        raise ConfigurationError(
            f"exporter {name!r}: 1 to 64 lower-case letters, digits, hyphens, dots or underscores"
        )
    if identity is not None:
        check_member(identity, "exporter")
        _check_free(exporters, name, identity)
    known = exporters.of(name) or Exporter()
    if reports is not None and known.keys and reports != known.reports:
        raise ConfigurationError(
            f"exporter {name} reports {known.reports}, and the same traffic is never counted both"
            " ways: set another exporter"
        )
    wanted = known.model_copy(
        update={"reports": reports or known.reports, "identity": identity or known.identity}
    )
    if exporters.of(name) == wanted:
        return Decision(now, None)
    return _decided(name, wanted, now)


def add_key(
    exporters: Exporters, name: str, key: str, overlap: Instant, now: Instant
) -> Decision[Instant]:
    """Give an exporter a key, and let its former one be valid for `overlap` from now on."""
    known = _known(exporters, name)
    if not 0 <= overlap <= MAX_OVERLAP:
        raise ConfigurationError(f"exporter {name}: the overlap is 0 to {MAX_OVERLAP // DAY} days")
    if len(key) < _LEAST_SECRET:
        raise ConfigurationError(f"exporter {name}: a key has at least {_LEAST_SECRET} characters")
    digest = hash_of_key(key)
    if any(one.hash == digest for one in known.keys):
        return Decision(now, None)
    kept = (*_kept(known, now + overlap, now), Key(hash=digest))
    if len(kept) > MAX_KEYS:
        raise ConfigurationError(
            f"exporter {name} has {len(kept) - 1} valid keys: revoke them, or wait until one ends"
        )
    return _decided(name, known.model_copy(update={"keys": kept}), now)


def revoke_keys(exporters: Exporters, name: str, now: Instant) -> Decision[Instant]:
    """Let no key of an exporter be valid any longer."""
    known = _known(exporters, name)
    if not known.keys:
        return Decision(now, None)
    return _decided(name, known.model_copy(update={"keys": ()}), now)


def _kept(exporter: Exporter, until: Instant, now: Instant) -> Iterator[Key]:
    for key in exporter.keys:
        if key.until is None:
            if until > now:
                yield Key(hash=key.hash, until=until)
        elif key.until > now:
            yield key


def _is_valid(key: Key, at: Instant) -> bool:
    return key.until is None or at < key.until


def _known(exporters: Exporters, name: str) -> Exporter:
    known = exporters.of(name)
    if known is None:
        raise ConfigurationError(f"exporter {name!r} does not exist: see `metering exporters list`")
    return known


def _check_free(exporters: Exporters, name: str, identity: str) -> None:
    other = exporters.by_identity(identity)
    if other is not None and other.name != name:
        raise ConfigurationError(f"{identity} is the exporter {other.name}")


def _decided(name: str, wanted: Exporter, now: Instant) -> Decision[Instant]:
    return Decision(now, Record("exporter", name, wanted.model_dump_json(), now, now))
