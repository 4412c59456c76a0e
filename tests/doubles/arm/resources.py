"""The state and the answers of the double of Azure Resource Manager, without transport."""

import json
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, quote

_SKIP: Final = "$skiptoken"

type Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """One received request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


@dataclass(slots=True)
class Fault:
    """A fault of the next requests whose path contains `path`."""

    status: int
    path: str = ""
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    delay_s: float = 0.0


@dataclass(slots=True)
class Resources:
    """Resources by path, in the order of creation; paths ignore case."""

    page_size: int = 100
    faults: list[Fault] = field(default_factory=list)
    requests: list[Seen] = field(default_factory=list)
    _held: dict[str, Resource] = field(default_factory=dict)
    _lists: dict[str, str] = field(default_factory=dict)
    _version: int = 0

    def put(self, path: str, content: Resource) -> Resource:
        """Store a resource; its id, name and ETag follow from its path."""
        self._version += 1
        made = {
            **content,
            "id": path,
            "name": path.rpartition("/")[2],
            "etag": f'"{self._version}"',
        }
        self._held[path.casefold()] = made
        return made

    def get(self, path: str) -> Resource | None:
        """Return the current state of a resource, or None."""
        return self._held.get(path.casefold())

    def list_at(self, path: str, prefix: str) -> None:
        """Let GET of `path` list the resources below `prefix` of the type in `path`."""
        self._lists[path.casefold()] = prefix.casefold()

    def clear(self) -> None:
        """Remove everything."""
        self.faults.clear()
        self.requests.clear()
        self._held.clear()
        self._lists.clear()

    def answer(self, seen: Seen, origin: str) -> Answer:
        """Return the answer to a request; `origin` is the scheme and host of a `nextLink`."""
        self.requests.append(seen)
        fault = self._due(seen.path)
        if fault is not None:
            body = fault.body if fault.body is not None else _error("Fault", "A fault of the test.")
            return Answer(fault.status, body, fault.headers, fault.delay_s)
        if not seen.headers.get("authorization", "").startswith("Bearer "):
            return Answer(401, _error("AuthenticationFailed", "The bearer token is missing."))
        if "api-version" not in seen.query:
            return Answer(400, _error("MissingApiVersionParameter", "api-version is required."))
        return self._carry_out(seen, origin)

    def _due(self, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.path in path:
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return None

    def _carry_out(self, seen: Seen, origin: str) -> Answer:
        held = self.get(seen.path)
        match seen.method:
            case "GET" | "POST" if held is not None:
                return Answer(200, held)
            case "GET":
                return self._page(seen, origin)
            case "PUT":
                return Answer(201 if held is None else 200, self.put(seen.path, seen.body))
            case _ if held is None:
                return _absent(seen.path)
            case "PATCH" | "DELETE":
                return self._change(seen, held)
        return Answer(405, _error("MethodNotAllowed", seen.method))

    def _change(self, seen: Seen, held: Resource) -> Answer:
        meant = seen.headers.get("if-match")
        if meant is None:
            return Answer(428, _error("PreconditionRequired", "If-Match is required."))
        if meant not in {"*", held["etag"]}:
            return Answer(412, _error("PreconditionFailed", "The resource has another ETag."))
        if seen.method == "DELETE":
            del self._held[seen.path.casefold()]
            return Answer(200)
        return Answer(200, self.put(held["id"], _merged(held, seen.body)))

    def _page(self, seen: Seen, origin: str) -> Answer:
        items = self._listed(seen.path.casefold())
        if items is None:
            return _absent(seen.path)
        first = int(seen.query.get(_SKIP, "0"))
        end = first + self.page_size
        page: Resource = {"value": items[first:end]}
        if end < len(items):
            version = quote(seen.query["api-version"])
            page["nextLink"] = f"{origin}{seen.path}?api-version={version}&{_SKIP}={end}"
        return Answer(200, page)

    def _listed(self, path: str) -> list[Resource] | None:
        """Return the resources of a collection, or None if it does not exist.

        An empty collection exists if its parent resource does.
        """
        kind = path.rpartition("/")[2]
        prefix = self._lists.get(path)
        if prefix is not None:
            return [
                resource
                for at, resource in self._held.items()
                if at.startswith(prefix) and at.split("/")[-2] == kind
            ]
        items = [resource for at, resource in self._held.items() if at.rpartition("/")[0] == path]
        return items if items or path.rpartition("/")[0] in self._held else None


def read_query(raw: bytes) -> dict[str, str]:
    """Return the first value of each parameter."""
    return {name: values[0] for name, values in parse_qs(raw.decode()).items()}


def write_body(answer: Answer) -> bytes:
    """Return the bytes of a body: JSON, or text unchanged."""
    if answer.body is None:
        return b""
    return (
        answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
    )


def _absent(path: str) -> Answer:
    return Answer(404, _error("ResourceNotFound", f"The resource {path} was not found."))


def _error(code: str, message: str) -> Resource:
    return {"error": {"code": code, "message": message}}


def _merged(held: Resource, change: Resource) -> Resource:
    made = dict(held)
    for name, value in change.items():
        before = made.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            made[name] = _merged(before, value)
        else:
            made[name] = value
    return made
