"""Indexing policies: which properties a container indexes."""

from typing import Any

DEFAULT_POLICY: dict[str, Any] = {
    "indexingMode": "consistent",
    "automatic": True,
    "includedPaths": [{"path": "/*"}],
    "excludedPaths": [{"path": '/"_etag"/?'}],
}
_ALWAYS = (("id",), ("_ts",))


def is_indexed(policy: dict[str, Any], steps: tuple[str | int, ...]) -> bool:
    """Tell whether a property is indexed: the most precise path that covers it decides."""
    if steps in _ALWAYS:
        return True
    if policy.get("indexingMode") == "none":
        return False
    names = tuple("[]" if isinstance(step, int) else step for step in steps)
    included = _precision(policy.get("includedPaths", ()), names)
    return included > _precision(policy.get("excludedPaths", ()), names)


def _precision(paths: Any, names: tuple[str, ...]) -> int:
    """Return how precisely a list of paths covers a property; -1 is not at all."""
    return max((_covers(entry["path"], names) for entry in paths), default=-1)


def _covers(path: str, names: tuple[str, ...]) -> int:
    *prefix, last = [step.strip("\"'") for step in path.strip("/").split("/")]
    if last == "?":
        return 2 * len(prefix) + 1 if names == tuple(prefix) else -1
    if last == "*":
        return 2 * len(prefix) if names[: len(prefix)] == tuple(prefix) else -1
    return -1
