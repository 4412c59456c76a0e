"""Names of exported files: the same wherever they are kept, and never out of their folder."""

import re
from typing import Final

from metering.core.errors import ConfigurationError

#: No dot first: neither `..` nor a hidden file.
_PART: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_MAX_NAME: Final = 512


def checked_name(name: str) -> str:
    """Return a file's name; ConfigurationError for what no store may keep under it."""
    if len(name) > _MAX_NAME or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise ConfigurationError(
            f"export {name!r}: a file's name has parts of A-Z a-z 0-9 . _ - between slashes, and no"
            " dot first"
        )
    return name


def checked_prefix(prefix: str) -> str:
    """Return what names begin with: nothing, or whole folders and a slash."""
    if prefix:
        checked_name(prefix.removesuffix("/"))
    return prefix
