"""Producers: what each may report, under which sources. The gateway's own are nobody else's."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.basics.validation import Strict
from metering.core.tenancy.members import check_member
from metering.core.tenancy.record import Decision, Record
from metering.core.usage.event import Name
from metering.core.usage.usage import RESERVED_SOURCES, Dimensions

#: A service reports for its customers, under a few sources of its own.
MAX_SUBJECTS: Final = 1_000
MAX_SOURCES: Final = 100
#: Whom `metering token --producer` signs in, on one machine only.
DEVELOPMENT_PRODUCER: Final = "development:producer"
#: In place of subjects: all of them.
EVERY_SUBJECT: Final = "*"


class Binding(Strict):
    """The subjects and sources that a producer may speak for. Without any it may say nothing."""

    subjects: Annotated[tuple[Name, ...], Field(max_length=MAX_SUBJECTS)] = ()
    """As events name them, or `*` for all."""
    sources: Annotated[tuple[Name, ...], Field(max_length=MAX_SOURCES)] = ()
    """In lower case; each covers itself and what is below it: `/app/a` covers `/app/a/eu`."""

    def refusal(self, of: Dimensions) -> str | None:
        """Return what an event says that it may not; None for one within the binding."""
        if EVERY_SUBJECT not in self.subjects and of.subject not in self.subjects:
            return f"subject: {of.subject!r} is none that this producer speaks for"
        if not any(_covers(prefix, of.source) for prefix in self.sources):
            return f"source: {of.source!r} is none that this producer speaks for"
        return None


class Producers:
    """The bindings in force, by the identity of the producer."""

    def __init__(self) -> None:
        self._by_name: dict[str, Binding] = {}

    def add(self, record: Record) -> None:
        """Take a further record into account."""
        self._by_name[record.key] = Binding.model_validate_json(record.value)

    def of(self, name: str) -> Binding | None:
        """Return the binding of a producer; None if nothing was ever decided about it."""
        return self._by_name.get(name)

    def all(self) -> Mapping[str, Binding]:
        """Return the bindings by producer, sorted."""
        return dict(sorted(self._by_name.items()))


def bind_producer(
    producers: Producers, name: str, binding: Binding, now: Instant
) -> Decision[Instant]:
    """Let a producer speak for these subjects under these sources, from now on, and no others."""
    if name != DEVELOPMENT_PRODUCER:
        check_member(name, "producer")
    sources = tuple(sorted({source.lower() for source in binding.sources}))
    subjects = tuple(sorted(set(binding.subjects)))
    if bool(subjects) != bool(sources):
        raise ConfigurationError(
            f"producer {name}: give subjects and sources, or neither, so that it may report nothing"
        )
    for source in sources:
        for reserved in RESERVED_SOURCES:
            if _covers(source, f"{reserved}x") or source.startswith(reserved):
                raise ConfigurationError(
                    f"source {source!r}: {reserved}… is the gateway's, and no producer's"
                )
    wanted = Binding(subjects=subjects, sources=sources)
    if producers.of(name) == wanted:
        return Decision(now, None)
    return Decision(now, Record("producer", name, wanted.model_dump_json(), now, now))


def _covers(prefix: str, source: str) -> bool:
    return source == prefix or source.startswith(f"{prefix.removesuffix('/')}/")
