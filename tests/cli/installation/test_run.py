"""`metering run`: the whole system with a gateway, as somebody at a terminal meets it."""

import os
import pty
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

#: A run ends by itself after this, so that a test that fails does not wait for ever.
_AT_MOST_S = "20"


def _lines_until(child: subprocess.Popen[bytes], text: str) -> list[str]:
    assert child.stdout is not None
    lines: list[str] = []
    while not lines or text not in lines[-1]:
        line = child.stdout.readline().decode()
        assert line, f"{text!r} is not in {lines}"
        lines.append(line)
    return lines


def _ask(base_url: str, subscription: str, **options: Any) -> httpx2.Response:
    question = "Hello, what does a thousand tokens cost?"
    with httpx2.Client(trust_env=False) as client:
        return client.post(
            f"{base_url}/chat/completions",
            headers={"api-key": f"local-{subscription}"},
            json={
                "model": "gpt-4o",
                "max_tokens": 10,
                "messages": [{"role": "user", "content": question}],
                **options,
            },
        )


def _scrape(url: str) -> dict[str, float]:
    """Return the sum of each series that is not a bucket; nobody else's page may read them."""
    with httpx2.Client(trust_env=False) as client:
        text = client.get(url).text
        assert client.get(url, headers={"host": "elsewhere.example"}).status_code == 400
        assert client.get(url.replace("/metrics", "/api/health")).status_code == 200
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found[one.name] = found.get(one.name, 0) + one.value
    return found


def test_a_request_of_ones_own_is_shown_as_it_arrives_and_counted(metering: Any) -> None:
    child = metering.start("run", "--no-traffic", "--live", "--port", "0", "--seconds", _AT_MOST_S)
    with child:
        lines = _lines_until(child, "Prometheus")
        base_url = next(line.split("base_url=")[1].strip() for line in lines if "OpenAI" in line)
        assert any("local-contoso-prod" in line for line in lines)
        assert _ask(base_url, "contoso-prod").status_code == 200
        shown = _lines_until(child, "contoso-prod")[-1].split("  ")
        # 17 x 2.5 + 10 x 10 = 142.5 a million, to two digits
        assert shown[1:6] == ["contoso-prod", "gpt-4o-2024-11-20", "200", "27", "0.00014"]
        assert shown[6].strip() == "contoso 0.00014 USD"
        scraped = _scrape(lines[-1].split()[1])
        assert _ask(base_url, "fabrikam-chat", stream=True).status_code == 200
        assert "pending" in _lines_until(child, "fabrikam-chat")[-1]
        child.send_signal(signal.SIGINT)
        rest, errors = child.communicate(timeout=10)
    assert (child.returncode, errors) == (0, b"")
    assert b"0.0001425 USD" in rest
    assert scraped["metering_usage_amount_total"] == 0.0001425
    assert scraped["gen_ai_client_token_usage_sum"] == 27
    assert metering.balance("contoso")["amount"] == "0.0001425"


def test_the_built_in_traffic_is_counted_until_the_end(metering: Any) -> None:
    ran = metering.run("run", "--rate", "100", "--seconds", "1", "--port", "0")
    assert (ran.code, ran.stderr) == (0, "")
    assert "Balances, 2026-11" in ran.stdout
    assert metering.balance("contoso")["requests"] > 0


def test_a_taken_port_is_told_by_name(metering: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = metering.run("run", "--port", port, "--seconds", "1")
    assert ran.code == 1
    assert ran.stderr.startswith(f"error: --port {port}: cannot listen on it")


@pytest.fixture
def terminal() -> tuple[int, Callable[[], str]]:
    """Return a terminal to write to, and what reads all that was written once it is closed."""
    ours, theirs = pty.openpty()

    def read() -> str:
        text = b""
        try:
            while chunk := os.read(ours, 65_536):
                text += chunk
        except OSError:
            # Linux says so when the other end is closed.
            pass
        os.close(ours)
        return text.decode(errors="replace")

    return theirs, read


def test_a_terminal_shows_the_latest_arrivals_above_the_balances(
    metering: Any, terminal: tuple[int, Callable[[], str]]
) -> None:
    written, read = terminal
    options = ("--live", "--rate", "20", "--seconds", "2", "--port", "0")
    with metering.start("run", *options, settings={"TERM": "xterm"}, stdout=written) as child:
        os.close(written)
        text = read()
        _, errors = child.communicate(timeout=10)
    assert (child.returncode, errors) == (0, b"")
    assert "Arrivals" in text
    assert text.index("Arrivals") < text.index("Balances, 2026-11")
