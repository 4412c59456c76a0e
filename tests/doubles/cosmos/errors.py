"""The refusals of the service: status, sub-status and message."""

from typing import Any

_CODES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "RequestTimeout",
    409: "Conflict",
    412: "PreconditionFailed",
    413: "RequestEntityTooLarge",
    424: "FailedDependency",
    429: "429",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}

PARTITION_KEY_MISMATCH = 1001
OWNER_NOT_FOUND = 1003
CROSS_PARTITION_NOT_SERVABLE = 1004
CONTAINER_RECREATED = 1024
TOO_MANY_REQUESTS = 3200
NO_CONTROL_PLANE_BY_TOKEN = 5300


class Refusal(Exception):
    """A request answered with an error; `charge` is what it cost, in hundredths of an RU."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        substatus: int = 0,
        charge: int = 0,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.substatus = substatus
        self.charge = charge
        self.headers = headers or {}
        self.extra = extra or {}

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the answer."""
        code = _CODES.get(self.status, str(self.status))
        return {"code": code, "message": self.message, **self.extra}


def bad_request(message: str, *, substatus: int = 0) -> Refusal:
    """Return a 400."""
    return Refusal(400, message, substatus=substatus)


def unsupported(what: str) -> Refusal:
    """Return the 400 for a feature of the service that the double lacks."""
    return Refusal(400, f"The Cosmos DB double does not support {what}.")


def item_not_found(*, charge: int) -> Refusal:
    """Return the 404 of a missing item."""
    return Refusal(404, "Entity with the specified id does not exist in the system.", charge=charge)


def resource_not_found(what: str) -> Refusal:
    """Return the 404 of a missing database or container that the request names."""
    return Refusal(404, f"Resource Not Found: {what}. Learn more: aka.ms/cosmosdb-tsg-not-found")


def owner_not_found(what: str) -> Refusal:
    """Return the 404 of a resource inside a missing database or container."""
    return Refusal(404, f"Owner resource does not exist: {what}", substatus=OWNER_NOT_FOUND)


def conflict(*, charge: int = 0) -> Refusal:
    """Return the 409 of an id that already exists."""
    return Refusal(409, "Entity with the specified id already exists in the system.", charge=charge)


def precondition_failed(*, charge: int) -> Refusal:
    """Return the 412 of a failed condition."""
    words = "Operation cannot be performed because one of the specified precondition is not met."
    return Refusal(412, words, charge=charge)


def too_large() -> Refusal:
    """Return the 413 of a request or item over the limit."""
    return Refusal(413, "Request size is too large")
