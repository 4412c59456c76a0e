"""Images, sound, moderations and lists of models by OpenAI's client, down to the balance."""

import asyncio
import base64
import io
import wave
from typing import Any

import httpx2
import openai
import pytest
from openai import AzureOpenAI, OpenAI

from metering.core.usage.buckets import by_name
from metering.local.gateway.keys import key_of
from tests.local.gateway.bench import Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")

TENANT, SUBJECT = "northwind", "northwind-search"
_PNG = b"\x89PNG\r\n\x1a\n"


def sound(seconds: float) -> tuple[str, bytes, str]:
    """Return a WAV file of silence."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(round(seconds * 16_000)))
    return "speech.wav", content.getvalue(), "audio/wav"


async def test_images_of_gpt_image_count_tokens_and_cost_what_those_do(shared: Bench) -> None:
    client, before = await shared.openai(), await shared.balance()
    made = await client.images.generate(
        model="gpt-image-1", prompt="A ledger" * 5, n=2, quality="low", size="1024x1536"
    )
    assert made.data is not None
    pictures = [base64.b64decode(image.b64_json or "") for image in made.data]
    assert [picture[:8] for picture in pictures] == [_PNG, _PNG]
    # Width and height.
    assert pictures[0][16:24] == bytes([0, 0, 4, 0, 0, 0, 6, 0])
    assert made.usage is not None
    # 40 characters; 2 x 408 tokens of images
    assert (made.usage.input_tokens, made.usage.output_tokens) == (10, 816)
    counted = by_name((await shared.balance()).tokens)
    assert (counted["input"], counted["output_image"]) == (10, 816)
    # 10 x 5 + 816 x 40 = 32,690 a million
    assert await shared.cost(before) == "0.03269"


async def test_images_of_dall_e_cost_by_the_image(shared: Bench) -> None:
    client, before = await shared.openai(), await shared.balance()
    made = await client.images.generate(model="dall-e-3", prompt="A ledger", size="1024x1024")
    assert made.data is not None
    assert made.data[0].url is not None
    async with httpx2.AsyncClient(trust_env=False) as web:
        shown = await web.get(made.data[0].url)
        assert (shown.headers["content-type"], shown.content[:8]) == ("image/png", _PNG)
        for size in ("0x9", "9x", "5000x1"):
            missing = await web.get(f"{shared.url}/pictures/name/{size}.png")
            assert missing.status_code == 404
    wide = await client.images.generate(
        model="dall-e-3",
        prompt="A ledger",
        size="1792x1024",
        quality="hd",
        response_format="b64_json",
    )
    assert wide.data is not None
    assert base64.b64decode(wide.data[0].b64_json or "")[:8] == _PNG
    # Standard at 1024 x 1024: 0.04; high quality and wide: 0.12.
    assert await shared.cost(before) == "0.16"
    after = await shared.balance()
    assert after.total.unpriced == before.total.unpriced


async def test_streamed_images_are_held_for_no_log_tells_their_tokens(shared: Bench) -> None:
    client, before = await shared.openai(), await shared.settled()
    stream = await client.images.generate(
        model="gpt-image-1", prompt="A ledger", stream=True, partial_images=2, quality="low"
    )
    events = [event async for event in stream]
    assert [event.type for event in events[:2]] == ["image_generation.partial_image"] * 2
    last = events[-1]
    assert last.type == "image_generation.completed"
    assert last.usage.output_tokens == 272
    assert (await shared.settled()).held_requests == before.held_requests + 1


async def test_sound_is_charged_by_the_second_or_by_the_token(shared: Bench) -> None:
    client, before = await shared.openai(), await shared.balance()
    spoken = await client.audio.transcriptions.create(model="whisper", file=sound(8.5))
    assert spoken.usage is not None
    assert spoken.usage.type == "duration"
    # Begun seconds count.
    assert spoken.usage.seconds == 9
    # 9 x 0.0001
    assert await shared.cost(before) == "0.0009"
    before = await shared.balance()
    counted = await client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=sound(8), prompt="four"
    )
    assert counted.usage is not None
    assert counted.usage.type == "tokens"
    assert counted.usage.input_token_details is not None
    assert counted.usage.input_token_details.audio_tokens == 80
    assert len(counted.text.split()) == counted.usage.output_tokens == 20
    # 1 x 2.5 + 80 x 6 + 20 x 10 = 682.5 a million
    assert await shared.cost(before) == "0.0006825"


async def test_every_format_of_a_transcription(shared: Bench) -> None:
    client, before = await shared.openai(), await shared.balance()
    told: dict[str, Any] = {}
    for name in ("text", "srt", "vtt"):
        told[name] = await client.audio.transcriptions.create(
            model="whisper",
            file=sound(61.5),
            response_format=name,
        )
    assert "00:01:01,500" in told["srt"]
    assert told["vtt"].startswith("WEBVTT")
    assert len(told["text"].split()) == 154
    # They have no usage: what they used is missing, and not free.
    after = await shared.balance()
    assert after.total.missing == before.total.missing + 3
    verbose = await client.audio.transcriptions.create(
        model="whisper",
        file=("speech.mp3", b"\xff" * 32_000),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert (verbose.duration, len(verbose.words or ()), len(verbose.segments or ())) == (2, 5, 1)
    with pytest.warns(DeprecationWarning, match="deprecated"):
        translated = await client.audio.translations.create(
            model="whisper", file=sound(1), response_format="json"
        )
    assert translated.text
    stream = await client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=sound(2), stream=True
    )
    kinds = [event.type async for event in stream]
    assert kinds == ["transcript.text.delta"] * 5 + ["transcript.text.done"]


async def test_moderations_and_lists_are_free(shared: Bench) -> None:
    def run(client: OpenAI) -> None:
        judged = client.moderations.create(input=["Hello", "I will kill it"])
        assert [result.flagged for result in judged.results] == [False, True]
        assert judged.results[1].categories.violence
        parts: Any = [
            {"type": "text", "text": "Hello"},
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ]
        seen = client.moderations.create(model="omni-moderation-latest", input=parts)
        assert len(seen.results) == 1
        names = [model.id for model in client.models.list()]
        assert {"gpt-4o", "whisper", "gpt-image-1"} <= {*names}
        assert "claude-sonnet" not in names
        assert client.models.retrieve("gpt-4o").owned_by == "azure-openai"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-99")
        with pytest.raises(openai.BadRequestError):
            client.moderations.create(input=[])

    before, events = await shared.settled(), len(shared.events())
    await asyncio.to_thread(run, shared.sync_openai())
    after = await shared.settled()
    assert (after.total.requests, len(shared.events())) == (before.total.requests, events)
    assert [row["operationId"] for row in shared.logged("GatewayLogs")].count("Models_List") == 1


async def test_azures_own_client_names_the_deployment_in_the_path(shared: Bench) -> None:
    def run(client: AzureOpenAI) -> None:
        client.images.generate(model="dall-e-3", prompt="A ledger")
        client.audio.transcriptions.create(model="whisper", file=sound(1))
        assert client.responses.create(model="gpt-4o", input="Hi").output_text
        client.moderations.create(model="omni-moderation-latest", input="Hi")

    before = len(shared.events())
    with AzureOpenAI(
        azure_endpoint=shared.url, api_key=key_of(SUBJECT), api_version="2026-06-01", max_retries=0
    ) as client:
        await asyncio.to_thread(run, client)
    names = [event["data"]["deployment"] for event in shared.events()]
    assert len(names) == before + 3
    total = (await shared.balance(TENANT)).total
    assert (total.requests, total.unpriced, total.missing) == (3, 0, 0)
