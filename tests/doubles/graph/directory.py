"""The state and the answers of the double, as documented for Graph, without transport."""

import re
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

type Json = dict[str, Any]
type Answer = tuple[int, Json]

TENANT: Final = "00000000-0000-0000-0000-0000000000ff"
_BY_NAME: Final = re.compile(r"/applications\(uniqueName='([^']+)'\)")
_BY_CLIENT: Final = re.compile(r"/servicePrincipals\(appId='([^']+)'\)")
_ASSIGNED: Final = re.compile(r"/servicePrincipals/([^/]+)/appRoleAssignedTo")
_ABSENT: Final[Answer] = (404, {"error": {"code": "Request_ResourceNotFound", "message": "no"}})


@dataclass
class Directory:
    """Applications, service principals and role assignments, with replication lag."""

    lag: int = 0
    """The number of requests after a creation that do not find the object yet."""
    applications: dict[str, Json] = field(default_factory=dict)
    principals: dict[str, Json] = field(default_factory=dict)
    assignments: list[Json] = field(default_factory=list)
    _unseen: dict[str, int] = field(default_factory=dict)

    def answer(  # noqa: PLR0911, one for each kind of address
        self, method: str, path: str, body: Json, prefer: str
    ) -> Answer:
        """Return status and body; the transport cuts collections into pages."""
        if path == "/organization":
            return 200, {"value": [{"id": TENANT}]}
        if found := _BY_NAME.fullmatch(path):
            return self._upsert(method, found[1], body, prefer)
        if path.startswith("/applications/"):
            return self._object(method, self.applications, path.rpartition("/")[2], body)
        if found := _BY_CLIENT.fullmatch(path):
            there = [one for one in self.principals.values() if one["appId"] == found[1]]
            return (200, there[0]) if there and self._is_seen(there[0]) else _ABSENT
        if found := _ASSIGNED.fullmatch(path):
            return self._assigned(method, found[1], body)
        if path == "/servicePrincipals":
            return self._new_principal(body)
        return self._object(method, self.principals, path.rpartition("/")[2], body)

    def _upsert(self, method: str, name: str, body: Json, prefer: str) -> Answer:
        there = [one for one in self.applications.values() if one["uniqueName"] == name]
        if method == "PATCH" and not there and prefer == "create-if-missing":
            made = self._made({"appId": str(uuid4()), "uniqueName": name, "appRoles": []} | body)
            self.applications[made["id"]] = made
            return 201, made
        if not there or not self._is_seen(there[0]):
            return _ABSENT
        if method == "PATCH":
            _merge(there[0], body)
            return 204, {}
        return 200, there[0]

    def _object(self, method: str, held: dict[str, Json], key: str, body: Json) -> Answer:
        if key not in held or not self._is_seen(held[key]):
            return _ABSENT
        if method == "PATCH":
            refused = _refusal(held[key], body)
            if refused:
                return 400, {"error": {"code": "Request_BadRequest", "message": refused}}
            _merge(held[key], body)
            return 204, {}
        return 200, held[key]

    def _new_principal(self, body: Json) -> Answer:
        owners = [one for one in self.applications.values() if one["appId"] == body["appId"]]
        if not owners or not self._is_seen(owners[0]):
            message = "The appId does not reference a valid application object."
            return 400, {"error": {"code": "NoBackingApplicationObject", "message": message}}
        made = self._made(dict(body))
        self.principals[made["id"]] = made
        return 201, made

    def _assigned(self, method: str, principal: str, body: Json) -> Answer:
        resource = self.principals.get(principal)
        if resource is None or not self._is_seen(resource):
            return _ABSENT
        ours = [one for one in self.assignments if one["resourceId"] == principal]
        if method == "GET":
            return 200, {"value": ours}
        (owner,) = (x for x in self.applications.values() if x["appId"] == resource["appId"])
        message = ""
        if body["appRoleId"] not in {role["id"] for role in owner["appRoles"]}:
            message = "Permission being assigned was not found on application"
        if any(body.items() <= one.items() for one in ours):
            message = "Permission being assigned already exists on the object"
        if message:
            return 400, {"error": {"code": "Request_BadRequest", "message": message}}
        self.assignments.append({"id": str(uuid4()), **body})
        return 201, self.assignments[-1]

    def _made(self, content: Json) -> Json:
        made = {"id": str(uuid4()), **content}
        self._unseen[made["id"]] = self.lag
        return made

    def _is_seen(self, thing: Json) -> bool:
        left = self._unseen.get(thing["id"], 0)
        self._unseen[thing["id"]] = max(0, left - 1)
        return left == 0


def _merge(held: Json, body: Json) -> None:
    """Merge a body into an object; complex properties keep fields that the body lacks."""
    for name, value in body.items():
        if isinstance(value, dict) and isinstance(held.get(name), dict):
            _merge(held[name], value)
        else:
            held[name] = value


def _refusal(application: Json, body: Json) -> str:
    """Return why Graph refuses a change of an application, or None."""
    web = body.get("web", {})
    settings = web.get("redirectUriSettings")
    if settings is not None and [one["uri"] for one in settings] != web.get("redirectUris"):
        return "web: redirectUriSettings and redirectUris differ"
    roles = body.get("appRoles", [])
    if len({role["id"] for role in roles}) < len(roles):
        return "appRoles: ids must be unique"
    kept = {role["id"] for role in roles}
    for role in application.get("appRoles", []) if "appRoles" in body else []:
        if role["id"] not in kept and role["isEnabled"]:
            return "appRoles: cannot be deleted unless disabled first"
    return ""
