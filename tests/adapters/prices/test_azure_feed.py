"""Azure's price feed, from a saved file and over the network."""

import json
import socket
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest

from metering.adapters.prices.azure_retail import live_azure_prices, saved_azure_prices
from metering.core.basics.errors import ConfigurationError, RetryableError

INPUT: Final = "gpt 4.1 Inp glbl Tokens"
OUTPUT: Final = "gpt 4.1 Outp glbl Tokens"


def api_item(**changes: Any) -> dict[str, Any]:
    """Return an item as the API writes it."""
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": 0.002,
        "armRegionName": "eastus2",
        "effectiveStartDate": "2025-04-01T00:00:00Z",
        "meterName": INPUT,
        "productName": "Azure OpenAI",
        "unitOfMeasure": "1K",
        "type": "Consumption",
        **changes,
    }


def saved(folder: Path, *items: object, key: str = "Items") -> Path:
    path = folder / "items.json"
    path.write_text(json.dumps({key: list(items)}))
    return path


def test_saved_items_of_the_api_are_a_source(tmp_path: Path) -> None:
    found = saved_azure_prices(saved(tmp_path, api_item()))

    assert found.rows[0].per_million_tokens == {"input": Decimal(2)}


def test_reservations_and_volume_tiers_are_listed(tmp_path: Path) -> None:
    found = saved_azure_prices(
        saved(tmp_path, api_item(type="Reservation"), api_item(tierMinimumUnits=100.0))
    )

    assert found.rows == ()
    assert [skipped.reason for skipped in found.skipped] == [
        "not pay-as-you-go but Reservation",
        "the price of a volume tier",
    ]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"retailPrice": "0.002"}, r"items\[1\]: retailPrice: '0.002' is not a number"),
        ({"retailPrice": -1}, r"items\[1\]: retailPrice: -1 is negative"),
        ({"currencyCode": "EUR"}, r"items\[1\]: currencyCode: 'EUR' is not USD"),
        ({"effectiveStartDate": "soon"}, r"items\[1\]: effectiveStartDate: "),
        ({"effectiveStartDate": "2025-04-01T00:00:00"}, r"has no time zone"),
        ({"meterName": None}, r"items\[1\]: meterName: is missing or not a text"),
        ({"regions": "eastus2"}, r"items\[1\]: regions: is not a list of names"),
    ],
)
def test_a_wrong_item_is_refused_with_file_place_and_field(
    tmp_path: Path, changes: dict[str, Any], where: str
) -> None:
    path = saved(tmp_path, api_item(), api_item(**changes))

    with pytest.raises(ConfigurationError, match=where) as error:
        saved_azure_prices(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("content", ["{", "{}", "3", '{"items": 3}', '{"items": [3]}'])
def test_a_file_without_items_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "items.json"
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=str(path)):
        saved_azure_prices(path)


class Feed(BaseHTTPRequestHandler):
    """Answers like the API: two pages for the first product, no item for the others."""

    answers: list[tuple[int, str]] = []  # noqa: RUF012, set anew by each test

    def do_GET(self) -> None:
        status, body = self.answers.pop(0) if self.answers else (200, '{"Items": []}')
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def feed() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Feed)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/prices"
    server.shutdown()
    thread.join()
    server.server_close()


def page(*items: object, following: str | None = None) -> tuple[int, str]:
    return 200, json.dumps({"Items": list(items), "NextPageLink": following})


def test_the_live_feed_is_read_page_by_page(feed: str) -> None:
    Feed.answers = [
        page(api_item(), following=f"{feed}?page=2"),
        page(api_item(meterName=OUTPUT, retailPrice=0.008)),
    ]
    seen: list[tuple[int, int]] = []

    found = live_azure_prices(
        "2026-11-20", url=feed, progress=lambda pages, items: seen.append((pages, items))
    )

    assert found.rows[0].per_million_tokens == {"input": Decimal(2), "output": Decimal(8)}
    assert found.version == "azure-retail-import-2026-11-20"
    assert seen[:2] == [(1, 1), (2, 2)]


def test_a_busy_feed_is_asked_again(feed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    Feed.answers = [(429, ""), (503, ""), page(api_item())]

    assert len(live_azure_prices("2026-11-20", url=feed).rows) == 1


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([(403, "")], "answered 403"),
        ([(500, "")] * 4, "answered 500"),
        ([(200, "<html>")], "prices: Expecting value"),
        ([(200, "[]")], "not a page of prices"),
        ([page(following="http://elsewhere.example/prices")], "the next page is elsewhere"),
    ],
)
def test_a_feed_that_does_not_answer_well_may_do_so_later(
    feed: str, monkeypatch: pytest.MonkeyPatch, answers: list[tuple[int, str]], why: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    Feed.answers = list(answers)

    with pytest.raises(RetryableError, match=why):
        live_azure_prices("2026-11-20", url=feed)


def test_a_feed_without_end_is_given_up(feed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metering.adapters.prices.azure_retail.MAX_PAGES", 3)
    Feed.answers = [page(following=f"{feed}?again")] * 5

    with pytest.raises(RetryableError, match="more than 3 pages or 600 seconds"):
        live_azure_prices("2026-11-20", url=feed)


def test_a_feed_that_says_nothing_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/prices"

        with pytest.raises(RetryableError, match="timed out"):
            live_azure_prices("2026-11-20", url=url, timeout_s=0.05)
