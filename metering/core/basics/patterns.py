"""Text forms that several layers check: identifiers, GUIDs and addresses of this machine.

Imports nothing heavy: settings are read with it at the start of every command.
"""

import re
from typing import Final
from urllib.parse import SplitResult

IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""The name of a tenant, a plan, a grant, a price version; to be used with `fullmatch`."""

IDENTIFIER_SCHEMA: Final = f"^{IDENTIFIER.pattern}$"
"""The same for JSON schemas and Pydantic, whose `$` never matches before a line break."""

GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""An object, client or directory id of Entra; to be used with `fullmatch`."""

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Host names of this machine, the only ones that are trusted with plain HTTP and with keys."""


def is_loopback(url: SplitResult) -> bool:
    """Return whether a URL is plain HTTP to this machine, as emulators and tests serve it."""
    return url.scheme == "http" and url.hostname in LOOPBACK
