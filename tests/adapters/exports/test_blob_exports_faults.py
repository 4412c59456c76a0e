"""Exports in Blob Storage, over a wire that is cut and to a server that dies."""

from collections.abc import AsyncIterator

import pytest

from metering.adapters.exports.blob_exports import BlobExports
from metering.core.basics.errors import ConfigurationError, RetryableError
from tests.adapters.contract.export_places import blob_exports, made_container, pieces, put
from tests.doubles.azurite import Azurite, CuttingProxy

pytest_plugins = ["tests.doubles.azurite.fixtures"]

MANY = b"x" * (1024 * 1024 - 1)


@pytest.fixture
async def wire(azurite: Azurite) -> AsyncIterator[CuttingProxy]:
    async with CuttingProxy(azurite.port) as proxy:
        yield proxy


@pytest.fixture
async def over_wire(wire: CuttingProxy, azurite: Azurite) -> AsyncIterator[BlobExports]:
    """Return a container that is reached by the wire."""
    url = await made_container(azurite.port)
    blobs = blob_exports(url.replace(f":{azurite.port}/", f":{wire.port}/"))
    yield blobs
    await blobs.close()


async def test_a_connection_cut_in_an_upload_leaves_what_was_there(
    wire: CuttingProxy, over_wire: BlobExports
) -> None:
    await put(over_wire, "a.csv", b"before")
    # The first block goes through, the second is cut in its middle.
    wire.cut_after(1_500_000)
    with pytest.raises(RetryableError, match="a.csv"):
        await over_wire.stage("a.csv", pieces(MANY, MANY, MANY))
    assert wire.cuts
    wire.mend()
    assert await over_wire.read("a.csv") == b"before"
    await put(over_wire, "a.csv", [MANY, MANY, MANY])
    assert await over_wire.read("a.csv") == MANY * 3


async def test_a_commit_that_is_cut_off_can_be_made_again(
    wire: CuttingProxy, over_wire: BlobExports
) -> None:
    staged = await over_wire.stage("a.csv", pieces(b"new"))
    wire.cut_after(0)
    with pytest.raises(RetryableError):
        await over_wire.publish(staged)
    wire.mend()
    assert await over_wire.names("") == []
    # Once more than needed: as if the first answer had been lost.
    for _ in range(2):
        await over_wire.publish(staged)
    assert await over_wire.read("a.csv") == b"new"


async def test_the_client_sends_again_by_itself(wire: CuttingProxy, azurite: Azurite) -> None:
    url = await made_container(azurite.port)
    blobs = blob_exports(url.replace(f":{azurite.port}/", f":{wire.port}/"), retries=1)
    staged = await blobs.stage("a.csv", pieces(b"new"))
    wire.cut_once()
    await blobs.publish(staged)
    assert wire.cuts == 1
    assert await blobs.read("a.csv") == b"new"
    await blobs.close()


async def test_who_publishes_after_another_stages_again(azurite: Azurite) -> None:
    url = await made_container(azurite.port)
    one, other = blob_exports(url), blob_exports(url)
    ours = await one.stage("a.csv", pieces(b"ours"))
    await put(other, "a.csv", b"theirs")
    with pytest.raises(RetryableError):
        await one.publish(ours)
    assert await other.read("a.csv") == b"theirs"
    await one.close()
    await other.close()


async def test_a_container_that_is_not_there_names_the_setting(azurite: Azurite) -> None:
    url = f"http://127.0.0.1:{azurite.port}/devstoreaccount1/not-there"
    blobs = blob_exports(url)
    for attempt in (blobs.read("a.csv"), blobs.remove("a.csv"), put(blobs, "a.csv", b"-")):
        with pytest.raises(
            ConfigurationError, match="METERING_EXPORTS: the container does not exist"
        ):
            await attempt
    with pytest.raises(ConfigurationError, match="METERING_EXPORTS: the container does not exist"):
        await blobs.names("")
    await blobs.close()


async def test_a_server_that_is_gone_is_tried_again_later(azurite: Azurite) -> None:
    assert azurite.port, "skipped where there is none"
    with Azurite() as server:
        url = await made_container(server.port)
        blobs = blob_exports(url)
        staged = await blobs.stage("a.csv", pieces(b"-"))
    with pytest.raises(RetryableError, match=url):
        await blobs.publish(staged)
    await blobs.close()


async def test_without_an_identity_signing_in_fails_and_says_what_is_needed() -> None:
    blobs = BlobExports("https://contosometering.blob.core.windows.net/exports")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
            patch.delenv(name, raising=False)
        patch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
        with pytest.raises(ConfigurationError, match="signing in failed .*Blob Data Contributor"):
            await blobs.read("a.csv")
    await blobs.close()
