"""The gateway: authorization, addressing, faults and answers of all requests."""

from dataclasses import dataclass, field

from tests.doubles.cosmos import metadata_requests
from tests.doubles.cosmos.addresses import Address, read_path
from tests.doubles.cosmos.credentials import check
from tests.doubles.cosmos.data.account import Account
from tests.doubles.cosmos.data.charges import Charges
from tests.doubles.cosmos.data.container import Container
from tests.doubles.cosmos.data.documents import read_json
from tests.doubles.cosmos.errors import (
    CONTAINER_RECREATED,
    TOO_MANY_REQUESTS,
    Refusal,
    bad_request,
)
from tests.doubles.cosmos.exchange import Answer, Kind, Request, RequestInfo
from tests.doubles.cosmos.faults import Fault, Faults
from tests.doubles.cosmos.item_requests import run_batch_request, run_item, run_stale_read
from tests.doubles.cosmos.query_requests import (
    answer_list,
    answer_plan,
    answer_query,
    unindexed_paths,
)

_KIND_BY_METHOD: dict[str, Kind] = {
    "GET": "read",
    "PUT": "replace",
    "PATCH": "patch",
    "DELETE": "delete",
}

_KEPT_BODIES = 1000
"""The number of latest requests that keep their body, to bound the memory of a long run."""


@dataclass(slots=True)
class Gateway:
    """The state of the double, and the path from a request to its answer."""

    account: Account
    key: str
    token: str
    faults: Faults = field(default_factory=Faults)
    charges: Charges = field(default_factory=Charges)
    requests: list[RequestInfo] = field(default_factory=list)

    def answer(self, request: Request) -> tuple[Answer, Fault | None]:
        """Return the answer, and the fault that keeps it from the client, if any."""
        info = RequestInfo(len(self.requests) + 1, "metadata")
        self.requests.append(info)
        if len(self.requests) > _KEPT_BODIES:
            self.requests[-_KEPT_BODIES - 1].body = None
        fault: Fault | None = None
        address: Address | None = None
        try:
            address = read_path(request.path)
            check(request, address, key=self.key, token=self.token)
            info.database, info.container, info.item = self.account.names(address)
            _describe(info, request, address)
            fault = self.faults.take(info)
            answer = self._carry_out(request, address, info, fault)
        except Refusal as refusal:
            answer = _refused(refusal)
        self._finish(answer, info, request, address)
        return answer, fault

    def _carry_out(
        self, request: Request, address: Address, info: RequestInfo, fault: Fault | None
    ) -> Answer:
        if fault is not None:
            info.fault = fault.what
            _fail_before(fault)
            if fault.what == "drop_connection":
                return Answer(0)
        if info.kind == "metadata":
            return metadata_requests.carry_out(self.account, request, address, info.body)
        container = self.account.container(address)
        _check_same_container(container, request)
        return _about_items(container, request, info, fault)

    def _finish(
        self, answer: Answer, info: RequestInfo, request: Request, address: Address | None
    ) -> None:
        """Add the headers of every answer, and count the charge."""
        info.status, info.charge = answer.status, answer.charge / 100
        self.charges.add(info.kind, answer.charge)
        answer.headers |= {
            "x-ms-request-charge": f"{answer.charge / 100:.2f}",
            "x-ms-activity-id": request.headers.get("x-ms-activity-id", ""),
            "x-ms-gatewayversion": "cosmos-peer-for-tests",
        }
        if address is None or info.kind == "metadata":
            return
        try:
            container = self.account.container(address)
        except Refusal:
            return
        name = "x-ms-documentdb-partitionkeyrangeid"
        range_number = int(answer.headers.get(name, _range_of(container, request)))
        answer.headers |= {
            name: str(range_number),
            "x-ms-session-token": container.session_token(range_number),
            "x-ms-alt-content-path": f"dbs/{info.database}/colls/{info.container}",
            "x-ms-content-path": container.rid,
            "lsn": str(container.lsn),
        }


def _describe(info: RequestInfo, request: Request, address: Address) -> None:
    """Fill in kind, item and body of a request."""
    info.partition_key = request.headers.get("x-ms-documentdb-partitionkey", "")
    info.body = read_json(request.body) if request.body else None
    if address.type != "docs":
        return
    info.kind = _kind(request, address)
    if info.kind in {"create", "upsert"} and isinstance(info.body, dict):
        info.item = str(info.body.get("id", ""))
    if info.kind == "batch" and isinstance(info.body, list):
        info.operations = tuple(
            str(one.get("operationType", "")).lower() for one in info.body if isinstance(one, dict)
        )
    if info.kind == "query" and isinstance(info.body, dict):
        info.query = str(info.body.get("query", ""))


def _kind(request: Request, address: Address) -> Kind:
    if not address.is_feed:
        kind = _KIND_BY_METHOD.get(request.method)
        if kind is None:
            raise Refusal(405, f"The method {request.method} is not allowed on an item.")
        return kind
    if request.method == "GET" or request.is_set("x-ms-documentdb-isquery"):
        return "query"
    if request.is_set("x-ms-cosmos-is-query-plan-request"):
        return "plan"
    if request.is_set("x-ms-cosmos-is-batch-request"):
        return "batch"
    return "upsert" if request.is_set("x-ms-documentdb-is-upsert") else "create"


def _fail_before(fault: Fault) -> None:
    if fault.what == "fail_before":
        raise Refusal(fault.status, "A fault of the test.", substatus=fault.substatus)
    if fault.what == "throttle":
        raise Refusal(
            429,
            "Request rate is large. More Request Units may be needed, so no changes were made."
            " Please retry this request later.",
            substatus=TOO_MANY_REQUESTS,
            headers={"x-ms-retry-after-ms": str(fault.retry_after_ms)},
        )


def _about_items(
    container: Container, request: Request, info: RequestInfo, fault: Fault | None
) -> Answer:
    what = fault.what if fault else ""
    match info.kind:
        case "batch":
            return run_batch_request(container, request, info.body)
        case "plan":
            return answer_plan(info.body)
        case "query" if request.method == "GET":
            return answer_list(container, request)
        case "query":
            info.unindexed = unindexed_paths(container, info.body)
            lagging = fault if what == "lagging_query" else None
            return answer_query(container, request, info.body, lagging)
        case "read" if what == "stale_read":
            return run_stale_read(container, request, info.item)
        case kind:
            return run_item(container, request, kind, info.item, info.body)


def _check_same_container(container: Container, request: Request) -> None:
    """Refuse a client that refers to a deleted container with the same name."""
    meant = request.headers.get("x-ms-cosmos-intended-collection-rid")
    if meant and meant != container.rid:
        refusal = bad_request("The container was recreated: its resource id differs.")
        refusal.substatus = CONTAINER_RECREATED
        raise refusal


def _refused(refusal: Refusal) -> Answer:
    headers = dict(refusal.headers)
    if refusal.substatus:
        headers["x-ms-substatus"] = str(refusal.substatus)
    return Answer(refusal.status, refusal.body(), refusal.charge, headers)


def _range_of(container: Container, request: Request) -> int:
    header = request.headers.get("x-ms-documentdb-partitionkey")
    try:
        return container.range_of(container.key.of_header(header)) if header else 0
    except Refusal:
        return 0
