"""Exporters of telemetry, and their keys."""

from typing import Literal, Self

from pydantic import Field

from metering.core.basics.instants import Instant, format_instant
from metering.core.tenancy.exporters import Exporter, hash_of_key
from metering.documents.document import Document, RequestBody

_REPORTS = (
    "`aggregates`: its metrics are sums over many requests. `requests`: its spans are requests."
)
_IDENTITY = "The app of Microsoft Entra with which it may sign in instead of a key."
_CLIENT = "app:6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11"


class KeyDocument(Document):
    """A key of an exporter: only its hash is known."""

    hash: str = Field(description="The first 12 digits of the key's SHA-256.")
    until: str | None = Field(None, description="The end of its validity; null: none.")


class ExporterDocument(Document):
    """An exporter."""

    exporter: str = Field(examples=["ai-gateway"])
    reports: Literal["aggregates", "requests"] = Field(description=_REPORTS)
    identity: str | None = Field(None, description=_IDENTITY, examples=[_CLIENT])
    keys: list[KeyDocument] = Field(description="The valid keys, and those that have ended.")

    @classmethod
    def of(cls, name: str, exporter: Exporter) -> Self:
        """Return an exporter as a document."""
        return cls(
            exporter=name,
            reports=exporter.reports,
            identity=exporter.identity,
            keys=[_key(one.hash, one.until) for one in exporter.keys],
        )


class ExporterRequest(RequestBody):
    """The kind of telemetry an exporter reports, and the identity it may sign in with."""

    reports: Literal["aggregates", "requests"] | None = Field(None, description=_REPORTS)
    identity: str | None = Field(None, max_length=64, description=_IDENTITY)


class NewKeyDocument(Document):
    """A new key: it is shown once and kept as a hash."""

    exporter: str
    header: str = Field(description="The name of the header that carries the key.")
    key: str
    hash: str = Field(description="The first 12 digits of the key's SHA-256.")
    former_until: str | None = Field(
        None, description="The end of the former key's validity; null if there was none."
    )

    @classmethod
    def made(cls, name: str, key: str, exporter: Exporter) -> Self:
        """Return the document of a key that an exporter has just been given."""
        ends = [one.until for one in exporter.keys if one.until is not None]
        return cls(
            exporter=name,
            header=KEY_HEADER,
            key=key,
            hash=hash_of_key(key)[:_SHOWN],
            former_until=format_instant(max(ends)) if ends else None,
        )


#: The header that carries a key: exporters of the AI Gateway cannot set `authorization`.
KEY_HEADER = "x-metering-exporter-key"
_SHOWN = 12


def _key(digest: str, until: Instant | None) -> KeyDocument:
    return KeyDocument(hash=digest[:_SHOWN], until=None if until is None else format_instant(until))
