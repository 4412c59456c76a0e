"""Indexing policies of containers, for properties at the top of an item."""

from typing import Any

DEFAULT_POLICY: dict[str, Any] = {
    "indexingMode": "consistent",
    "automatic": True,
    "includedPaths": [{"path": "/*"}],
    "excludedPaths": [{"path": '/"_etag"/?'}],
}
_ALWAYS = ("id", "_ts")


def is_indexed(policy: dict[str, Any], name: str) -> bool:
    """Return whether a property is indexed: a path that names it decides before `/*`."""
    if name in _ALWAYS:
        return True
    included, excluded = (
        {entry["path"] for entry in policy.get(paths, ())}
        for paths in ("includedPaths", "excludedPaths")
    )
    if f"/{name}/?" in included | excluded:
        return f"/{name}/?" not in excluded
    return "/*" in included
