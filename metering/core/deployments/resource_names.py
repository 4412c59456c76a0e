"""Names of Azure resources: account and deployment from an id, an address or a name."""

import re
from typing import Final

_PART: Final = {
    kind: re.compile(rf"/{kind}/([^/\s?#]+)", re.IGNORECASE) for kind in ("accounts", "deployments")
}
_HOST: Final = re.compile(r"(?:https?://)?([^./\s]+)(?:\.[^/\s]*)?(?:/.*)?", re.IGNORECASE)


def account_name(text: str) -> str:
    """Return the account in a resource id, an address or a plain name, in lower case.

    A name with a dot is treated as a host: account names have no dots.
    """
    found = _PART["accounts"].search(text) or _HOST.fullmatch(text.strip())
    return (found[1] if found else text).lower()


def account_in(resource_id: str) -> str | None:
    """Return the account in a resource id; None for ids of other resources."""
    found = _PART["accounts"].search(resource_id)
    return found and found[1].lower()


def deployment_in(resource_id: str) -> str | None:
    """Return the deployment in a resource id, in lower case."""
    found = _PART["deployments"].search(resource_id)
    return found and found[1].lower()
