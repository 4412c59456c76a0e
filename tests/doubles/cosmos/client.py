"""Clients for tests, with short timeouts and retries for throttling only."""

from typing import Any

import aiohttp
from azure.core.pipeline.transport import AioHttpTransport
from azure.cosmos.aio import CosmosClient

from tests.doubles.cosmos.peer import CosmosPeer

QUICK: dict[str, Any] = {
    "connection_timeout": 1,
    "read_timeout": 0.2,
    "retry_total": 0,
    "retry_connect": 0,
    "retry_read": 0,
    "retry_status": 0,
    "enable_endpoint_discovery": False,
}


def quick_client(peer: CosmosPeer, **changes: Any) -> CosmosClient:
    """Return an unopened client of a double, which ignores proxy settings of this machine."""
    transport = AioHttpTransport(use_env_settings=False)
    return CosmosClient(peer.url, peer.key, transport=transport, **{**QUICK, **changes})


async def send(
    peer: CosmosPeer, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], Any]:
    """Send a request that the SDK cannot produce; return status, headers and body.

    Header names are written with underscores. The default authorization is the double's token.
    """
    sent = {"authorization": f"Bearer {peer.token}", **headers}
    sent = {name.replace("_", "-"): value for name, value in sent.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, peer.url + path, json=body, headers=sent) as answer,
    ):
        return answer.status, dict(answer.headers), await answer.json()
