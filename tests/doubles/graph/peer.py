"""The double as tests use it: a server on a free port of loopback, in its own threads."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.doubles.graph.directory import Directory
from tests.doubles.serving import ServerThread


class Fault(NamedTuple):
    """A wrong answer; with `after` the change is made nevertheless."""

    status: int
    method: str = ""
    path: str = ""
    retry_after: str = ""
    after: bool = False


class Seen(NamedTuple):
    """One received request."""

    method: str
    path: str
    token: str


class GraphPeer(ServerThread):
    """Microsoft Graph for tests, while a block lasts."""

    def __init__(self, *, lag: int = 0, page_size: int = 100) -> None:
        super().__init__("graph-peer")
        self.directory = Directory(lag)
        self.page_size = page_size
        self.faults: list[Fault] = []
        self.requests: list[Seen] = []
        handler = type("Handler", (_Handler,), {"peer": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def changes(self) -> list[Seen]:
        """Return the requests that change something."""
        return [one for one in self.requests if one.method != "GET"]

    def _serve(self) -> None:
        self._server.serve_forever()

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def due(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method in {"", method} and fault.path in path:
                self.faults.remove(fault)
                return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    peer: GraphPeer
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        parts = urlsplit(self.path)
        path = parts.path.removeprefix("/v1.0")
        peer = self.peer
        peer.requests.append(Seen(self.command, path, self.headers["authorization"]))
        fault = peer.due(self.command, path)
        if fault is None or fault.after:
            prefer = self.headers.get("prefer", "")
            status, answer = peer.directory.answer(self.command, path, body, prefer)
            answer = self._page(answer, path, int(parse_qs(parts.query).get("$skiptoken", "0")[0]))
        if fault is not None:
            status, answer = fault.status, {"error": {"code": "Fault", "message": "of the test"}}
        self._write(status, answer, fault.retry_after if fault else "")

    def _page(self, answer: dict[str, Any], path: str, first: int) -> dict[str, Any]:
        if "value" not in answer:
            return answer
        end = first + self.peer.page_size
        page = {"value": answer["value"][first:end]}
        if end < len(answer["value"]):
            page["@odata.nextLink"] = f"{self.peer.url}/v1.0{path}?$skiptoken={end}"
        return page

    def _write(self, status: int, answer: dict[str, Any], retry_after: str) -> None:
        content = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        if retry_after:
            self.send_header("retry-after", retry_after)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _any  # noqa: N815, the names that the server calls

    def log_message(self, *_: object) -> None:
        """Log nothing."""
