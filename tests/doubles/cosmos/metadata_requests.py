"""Requests about the account, databases, containers and their physical partitions."""

from typing import Any

from tests.doubles.cosmos.addresses import Address
from tests.doubles.cosmos.data import charges
from tests.doubles.cosmos.data.account import Account, describe_container
from tests.doubles.cosmos.data.container import Container
from tests.doubles.cosmos.errors import Refusal, bad_request, unsupported
from tests.doubles.cosmos.exchange import Answer, Request


def carry_out(account: Account, request: Request, address: Address, body: Any) -> Answer:
    """Carry out a request about anything except items."""
    if request.is_set("x-ms-documentdb-isquery"):
        raise unsupported("queries over databases or containers")
    if request.method in {"POST", "PUT"} and not isinstance(body, dict):
        raise bad_request("The request body is not a JSON object.")
    if address.type == "":
        return account.describe(f"http://{request.headers['host']}")
    if address.type == "pkranges":
        return _ranges(account.container(address), request)
    if address.type == "colls":
        return _containers(account, request, address, body)
    return _databases(account, request, address, body)


def _databases(account: Account, request: Request, address: Address, body: Any) -> Answer:
    match (request.method, address.is_feed):
        case ("GET", True):
            found = [database.description() for database in account.databases.values()]
            return _list("", "Databases", found)
        case ("POST", True):
            return account.create_database(body)
        case ("GET", False):
            return Answer(200, account.database(address).description(), charges.METADATA)
        case ("DELETE", False):
            del account.databases[account.database(address).id]
            return Answer(204, None, charges.METADATA)
        case _:
            raise _not_allowed(request)


def _containers(account: Account, request: Request, address: Address, body: Any) -> Answer:
    database = account.database(address)
    match (request.method, address.is_feed):
        case ("GET", True):
            found = [describe_container(one) for one in database.containers.values()]
            return _list(database.rid, "DocumentCollections", found)
        case ("POST", True):
            return account.create_container(database, body)
        case ("GET", False):
            body = describe_container(account.container(address))
            return Answer(200, body, charges.METADATA)
        case ("DELETE", False):
            del database.containers[account.container(address).id]
            return Answer(204, None, charges.METADATA)
        case _:
            raise _not_allowed(request)


def _ranges(container: Container, request: Request) -> Answer:
    """Answer the physical partitions; they never change, so a client with a copy gets a 304."""
    headers = {"etag": '"1"'}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Answer(304, None, 0, headers)
    found = container.ranges.descriptions(container.rid, container.self_link)
    answer = _list(container.rid, "PartitionKeyRanges", found)
    answer.headers = headers
    return answer


def _list(rid: str, name: str, found: list[dict[str, Any]]) -> Answer:
    return Answer(200, {"_rid": rid, name: found, "_count": len(found)}, charges.METADATA)


def _not_allowed(request: Request) -> Refusal:
    return Refusal(405, f"The method {request.method} is not allowed on {request.path}.")
