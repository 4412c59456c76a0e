"""Keys of exporters, made here and shown once."""

import secrets
from typing import Final, NamedTuple

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.tenancy.exporters import Exporter

#: Bytes of chance in a key.
_KEY_BYTES: Final = 32


class NewKey(NamedTuple):
    """A new key, and its exporter with the hashes of all its keys."""

    key: str
    exporter: Exporter


async def rotate(tenancy: Tenancy, name: str, overlap: Instant) -> NewKey:
    """Give an exporter a new key; its former one is valid for `overlap` from now on."""
    key = secrets.token_urlsafe(_KEY_BYTES)
    await tenancy.add_exporter_key(name, key, overlap)
    exporter = tenancy.directory.exporters.of(name)
    assert exporter is not None
    return NewKey(key, exporter)
