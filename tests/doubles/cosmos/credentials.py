"""Authorization: the signature of the account key, or the bearer token of a test."""

import base64
import hashlib
import hmac
from urllib.parse import unquote

from tests.doubles.cosmos.addresses import Address
from tests.doubles.cosmos.errors import NO_CONTROL_PLANE_BY_TOKEN, Refusal
from tests.doubles.cosmos.exchange import Request


def check(request: Request, address: Address, *, key: str, token: str) -> None:
    """Refuse a request unless it is signed with the key or carries the token."""
    header = unquote(request.headers.get("authorization", ""))
    if header in {f"Bearer {token}", f"type=aad&ver=1.0&sig={token}"}:
        _check_data_plane(request, address)
        return
    if header.startswith(("Bearer ", "type=aad&")):
        raise Refusal(401, "The AAD token is not valid for this account.", substatus=5000)
    if not header:
        raise Refusal(401, "Required Header authorization is missing. Ensure a valid token.")
    signed = _signed_text(request, address)
    digest = hmac.new(base64.b64decode(key), signed.encode(), hashlib.sha256).digest()
    expected = f"type=master&ver=1.0&sig={base64.b64encode(digest).decode()}"
    if not hmac.compare_digest(header.encode(), expected.encode()):
        payload = signed.replace("\n", "\\n")
        raise Refusal(
            401,
            "The input authorization token can't serve the request. The wrong key is being used or"
            " the expected payload is not built as per the protocol. Server used the following"
            f" payload to sign: '{payload}'",
        )


def _signed_text(request: Request, address: Address) -> str:
    date, other_date = request.headers.get("x-ms-date", ""), request.headers.get("date", "")
    lines = (request.method.lower(), address.type, address.signed_link, date.lower(), other_date)
    return "".join(f"{line}\n" for line in lines)


def _check_data_plane(request: Request, address: Address) -> None:
    """Refuse changes of databases and containers by token: they need the control plane."""
    if address.type in {"dbs", "colls"} and request.method != "GET":
        raise Refusal(
            403,
            f"Request blocked by Auth: The given request [{request.method} {request.path}] cannot"
            " be authorized by AAD token in data plane.",
            substatus=NO_CONTROL_PLANE_BY_TOKEN,
        )
