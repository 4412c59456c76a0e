"""Capture's files in a container of Azure Storage, read from Microsoft's emulator."""

from collections.abc import Iterator

import pytest
from azure.storage.blob import ContainerClient

from metering.adapters.exports.blob_exports import EMULATOR_KEY
from metering.adapters.hubs import capture_container
from metering.adapters.hubs.capture_container import CaptureContainer
from metering.core.basics.errors import CaptureDamaged, ConfigurationError, RetryableError
from metering.core.hubs.capture import CaptureFile
from tests.capture_files import captured, name_of
from tests.doubles.azurite import Azurite, missing
from tests.doubles.needs import skip_without


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    skip_without(missing())
    with Azurite() as azurite:
        yield f"http://127.0.0.1:{azurite.port}/devstoreaccount1"


@pytest.fixture(scope="module")
def url(account: str) -> str:
    """Return a container with two files and something else."""
    with ContainerClient(account, "capture", EMULATOR_KEY) as container:
        container.create_container()
        container.upload_blob(name_of(0, 1), captured([b"a", b"b"]))
        container.upload_blob(name_of(1, 1), captured([b"c"] * 40_000)[:-5])
        container.upload_blob("evhns/usage/readme.txt", b"")
    return f"{account}/capture"


async def test_the_avro_files_of_a_container_are_listed(url: str) -> None:
    source = CaptureContainer(url)
    files = await source.list_files()
    assert {file.name for file in files} == {name_of(0, 1), name_of(1, 1)}
    assert all(file.size > 300 for file in files)
    await source.close()
    below = CaptureContainer(f"{url}/evhns/usage/1")
    assert [file.name for file in await below.list_files()] == [name_of(1, 1)]
    await below.close()


async def test_events_are_read_from_a_blob(url: str) -> None:
    source = CaptureContainer(url)
    found = [event.body async for event in source.events(CaptureFile(name_of(0, 1), 1))]
    assert found == [b"a", b"b"]
    await source.close()


async def test_a_blob_that_was_cut_off_gives_what_is_before_the_cut(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_container, "_IN_MEMORY_BYTES", 1)
    source = CaptureContainer(url)
    count = 0
    with pytest.raises(CaptureDamaged):  # noqa: PT012, it gives what it can first
        async for event in source.events(CaptureFile(name_of(1, 1), 1)):
            assert event.body == b"c"
            count += 1
    assert count > 39_000
    await source.close()


async def test_a_blob_that_has_gone_since_is_damaged(url: str) -> None:
    source = CaptureContainer(url)
    with pytest.raises(CaptureDamaged, match="no longer exists"):
        async for _ in source.events(CaptureFile("gone.avro", 1)):
            pass
    await source.close()


async def test_a_container_that_is_not_there_is_named(account: str) -> None:
    source = CaptureContainer(f"{account}/nothing")
    with pytest.raises(ConfigurationError, match="container http.*/nothing: does not exist"):
        await source.list_files()
    await source.close()


async def test_a_wrong_key_is_a_permission_that_lacks(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_container, "EMULATOR_KEY", "d3Jvbmc=")
    source = CaptureContainer(url)
    with pytest.raises(ConfigurationError, match="Storage Blob Data Reader"):
        await source.list_files()
    await source.close()


async def test_an_account_out_of_reach_is_retryable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_container, "RETRIES", 0)
    source = CaptureContainer("http://127.0.0.1:9/devstoreaccount1/capture")
    with pytest.raises(RetryableError, match="container http://127.0.0.1:9"):
        await source.list_files()
    await source.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://account.blob.core.windows.net/",
        "https://account.blob.core.windows.net/capture?sig=hidden",
        "https://user:hidden@account.blob.core.windows.net/capture",
        "http://account.blob.core.windows.net/hidden",
        "http://127.0.0.1:10000/hidden/capture",
        "ftp://hidden/capture",
    ],
)
def test_another_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="--from: is neither a folder") as raised:
        CaptureContainer(url)
    assert "hidden" not in str(raised.value)
