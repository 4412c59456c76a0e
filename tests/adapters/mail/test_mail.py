"""Mails: hostile names stay text, and the unmodified SDK of the service sends each once."""

import json
from typing import Any

import pytest
from aiohttp import web
from azure.core.credentials import AzureKeyCredential

from metering.adapters.mail.azure_mail import AzureMailer
from metering.adapters.mail.digest_mail import digest_mail
from metering.core.basics.errors import RetryableError
from metering.core.digests.digest import Digest, Mover, week_before

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}"
MOVER = Mover(HOSTILE, "JPY", 1_234_567 * 10**18, 10**18)


def digest(**changes: Any) -> Digest:
    made = Digest("acme", week_before(0), [MOVER._replace(name="")], [MOVER], ["f"], [HOSTILE], 7)
    return made._replace(**changes)


def test_every_name_is_escaped_in_html_and_plain_in_text() -> None:
    mail = digest_mail(digest(faults=[HOSTILE]), f"Contoso\r\nBcc: {HOSTILE}")
    assert "<script>" not in mail.html
    assert "&lt;script&gt;alert(1)" in mail.html
    assert HOSTILE in mail.text
    assert "{{7*7}}" in mail.text
    assert ("\r" in mail.subject, "\n" in mail.subject) == (False, False)
    for text in (mail.html, mail.text):
        assert "1,234,567 JPY" in text
    assert "prefers-color-scheme: dark" in mail.html
    assert "http" not in mail.html


def test_a_digest_without_usage_says_so() -> None:
    mail = digest_mail(Digest(None, week_before(0), [], [], [], [], 0), "Contoso")
    assert "No usage." in mail.html
    assert "No usage." in mail.text
    assert "all tenants" in mail.subject


@pytest.mark.parametrize("status", [202, 429])
async def test_the_service_gets_a_mail_with_hidden_recipients_and_an_id_that_repeats(
    status: int,
) -> None:
    asked: list[tuple[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        content = json.loads(await request.text())
        asked.append((request.headers["Operation-Id"], content))
        place = {"Operation-Location": f"{request.url.origin()}/emails/operations/1"}
        return web.json_response({"id": "1", "status": "Running"}, status=status, headers=place)

    app = web.Application()
    app.router.add_post("/emails:send", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    mailer = AzureMailer(address, "no-reply@example.com", AzureKeyCredential("a2V5"), retries=0)
    mail = digest_mail(digest(), "Contoso")
    try:
        for _ in range(2):
            if status == 202:
                await mailer.send(mail, ["ada@example.com", "eve@example.com"], "digest/1")
                continue
            with pytest.raises(RetryableError, match="refused a message: 429"):
                await mailer.send(mail, ["ada@example.com"], "digest/1")
    finally:
        await mailer.close()
        await runner.cleanup()
    assert len({name for name, _ in asked}) == 1
    message = asked[0][1]
    assert set(message["recipients"]) == {"bcc"}
    assert message["content"]["html"] == mail.html
    assert message["content"]["plainText"] == mail.text
    assert message["senderAddress"] == "no-reply@example.com"
