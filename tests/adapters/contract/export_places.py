"""Places for exports, behind one face: a folder, and a container of Azurite."""

import uuid
from collections.abc import AsyncIterator, Iterable

from azure.storage.blob.aio import ContainerClient

from metering.adapters.exports.blob_exports import EMULATOR_KEY, BlobExports
from metering.ports import ExportStore


async def made_container(port: int) -> str:
    """Make a container of its own in Azurite and return its URL."""
    url = f"http://127.0.0.1:{port}/devstoreaccount1/test-{uuid.uuid4().hex}"
    async with ContainerClient.from_container_url(url, credential=EMULATOR_KEY) as client:
        await client.create_container()
    return url


def blob_exports(url: str, *, retries: int = 0) -> BlobExports:
    return BlobExports(url, emulator=True, retries=retries)


async def pieces(*content: bytes) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece


async def failing(*content: bytes, error: Exception) -> AsyncIterator[bytes]:
    for piece in content:
        yield piece
    raise error


async def put(store: ExportStore, name: str, content: bytes | Iterable[bytes]) -> None:
    parts = [content] if isinstance(content, bytes) else list(content)
    await store.publish(await store.stage(name, pieces(*parts)))
