"""The clients of Google, AWS, Cohere and Mistral, unmodified, into a balance and a refusal."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final, NamedTuple

import boto3
import cohere
import httpx
import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from google import genai
from google.genai import errors, types
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from metering.local.gateway.keys import key_of
from tests.local.gateway.bench import QUESTION, Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY: Final = key_of("contoso-prod")
NOVA: Final = "amazon.nova-lite-v1:0"
CLAUDE: Final = "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
MISTRAL: Final = "mistral.mistral-large-3-675b-instruct"
MESSAGES: Final[list[Any]] = [{"role": "user", "content": QUESTION}]
BLOCKS: Final[list[Any]] = [{"role": "user", "content": [{"text": QUESTION}]}]
FIVE: Final[Any] = {"maxTokens": 5}
TEXTS: Final[list[Any]] = ["a", "b"]
PROMPT: Final = json.dumps({"prompt": QUESTION, "max_tokens": 5})
QUOTA: Final[dict[str, Any]] = {
    "verdict": "block",
    "reason": "quota",
    "metric": "tokens",
    "limit": "100",
    "remaining": "0",
    "retry_after_s": 90,
    "resets_at": "2026-11-20T12:01:30Z",
}


class Clients(NamedTuple):
    """Each provider's client, for the gateway. AWS's access key is the key of the gateway."""

    google: genai.Client
    aws: Any
    cohere: cohere.ClientV2
    mistral: Mistral


@pytest.fixture(scope="module")
def clients(shared: Bench) -> Iterator[Clients]:
    """Return clients that do not try again, and close them."""
    url = shared.url
    options = types.HttpOptions(
        base_url=f"{url}/gemini", retry_options=types.HttpRetryOptions(attempts=1)
    )
    with (
        closing(genai.Client(api_key=KEY, http_options=options)) as google,
        closing(
            boto3.client(
                "bedrock-runtime",
                region_name="us-east-1",
                endpoint_url=f"{url}/bedrock",
                aws_access_key_id=KEY,
                aws_secret_access_key="not-a-secret",  # noqa: S106, nothing checks it
                config=Config(retries={"max_attempts": 0}),
            )
        ) as aws,
        httpx.Client() as connections,
        Mistral(api_key=KEY, server_url=f"{url}/mistral") as mistral,
    ):
        of_cohere = cohere.ClientV2(api_key=KEY, base_url=f"{url}/cohere", httpx_client=connections)
        yield Clients(google, aws, of_cohere, mistral)


async def cost(bench: Bench, ask: Callable[[], object]) -> str:
    """Return what one whole request was charged."""
    before = await bench.balance()
    await asyncio.to_thread(ask)
    return await bench.cost(before)


async def held(bench: Bench, stream: Callable[[], Any]) -> Any:
    """Let a stream end and every log arrive; its request is held, and nothing is charged."""
    before = await bench.settled()
    found = await asyncio.to_thread(stream)
    after = await bench.settled()
    assert after.held_requests == before.held_requests + 1
    assert (after.total.requests, after.amount) == (before.total.requests, before.amount)
    return found


async def test_gemini(shared: Bench, clients: Clients) -> None:
    client = clients.google
    model, embedding = "gemini-2.5-flash", "gemini-embedding-001"

    def stream() -> list[Any]:
        return list(client.models.generate_content_stream(model=model, contents=QUESTION))

    # 17 x 0.3 + (294 + 98 of thinking) x 2.5 = 985.1 a million
    assert (
        await cost(shared, lambda: client.models.generate_content(model=model, contents=QUESTION))
        == "0.0009851"
    )
    # two texts of a token each: 2 x 0.15
    assert (
        await cost(shared, lambda: client.models.embed_content(model=embedding, contents=TEXTS))
        == "0.0000003"
    )
    limit = types.GenerateContentConfig(max_output_tokens=60)
    made = await asyncio.to_thread(
        client.models.generate_content, model=model, contents=QUESTION, config=limit
    )
    counts = made.usage_metadata
    assert counts is not None
    assert (counts.thoughts_token_count or 0) + (counts.candidates_token_count or 0) == 60
    chunks = await held(shared, stream)
    last = chunks[-1].usage_metadata
    assert (last.candidates_token_count, last.thoughts_token_count) == (294, 98)


async def test_bedrock(shared: Bench, clients: Clients) -> None:
    client = clients.aws

    def converse(model: str, **more: Any) -> Any:
        return client.converse(modelId=model, inferenceConfig=FIVE, **({"messages": BLOCKS} | more))

    def stream() -> list[Any]:
        made = client.converse_stream(modelId=NOVA, messages=BLOCKS, inferenceConfig=FIVE)
        return list(made["stream"])

    def invoke_stream() -> list[Any]:
        return list(client.invoke_model_with_response_stream(modelId=MISTRAL, body=PROMPT)["body"])

    # 17 x 0.06 + 5 x 0.24 = 2.22 a million
    assert await cost(shared, lambda: converse(NOVA)) == "0.00000222"
    # the counts are in headers: 17 x 0.5 + 5 x 1.5 = 16
    assert (
        await cost(shared, lambda: client.invoke_model(modelId=MISTRAL, body=PROMPT)) == "0.000016"
    )
    frames = await held(shared, stream)
    assert frames[-1]["metadata"]["usage"]["outputTokens"] == 5
    frames = await held(shared, invoke_stream)
    metrics = json.loads(frames[-1]["chunk"]["bytes"])["amazon-bedrock-invocationMetrics"]
    assert metrics == {"inputTokenCount": 17, "outputTokenCount": 5}


@pytest.mark.parametrize(
    ("text", "ttl", "amount"),
    [
        # 100 tokens are there already, or are written: 17 x 3 + 5 x 15 = 126, and 100 x 0.3
        ("a", "5m", "0.000156"),
        # and 100 x 3.75
        ("d", "5m", "0.000501"),
        # and 100 x 6
        ("b", "1h", "0.000726"),
    ],
)
async def test_caches_of_bedrock_stand_beside_its_input(
    shared: Bench, clients: Clients, text: str, ttl: str, amount: str
) -> None:
    point = {"cachePoint": {"type": "default", "ttl": ttl}}
    content = [{"text": text * 400}, point, {"text": QUESTION}]

    def ask() -> None:
        clients.aws.converse(
            modelId=CLAUDE,
            messages=[{"role": "user", "content": content}],
            inferenceConfig=FIVE,
        )

    assert await cost(shared, ask) == amount


async def test_cohere(shared: Bench, clients: Clients) -> None:
    client, model = clients.cohere, "command-r-08-2024"

    def stream() -> list[Any]:
        return list(client.chat_stream(model=model, messages=MESSAGES, max_tokens=5))

    def embed() -> object:
        return client.embed(
            model="embed-v4.0",
            texts=["hello you"],
            input_type="search_query",
            embedding_types=["float"],
        )

    # 17 x 0.15 + 5 x 0.6 = 5.55 a million: the 71 tokens that Cohere adds are not billed
    assert (
        await cost(shared, lambda: client.chat(model=model, messages=MESSAGES, max_tokens=5))
        == "0.00000555"
    )
    # 3 x 0.12
    assert await cost(shared, embed) == "0.00000036"
    unpriced = (await shared.balance()).total.unpriced
    await asyncio.to_thread(
        client.rerank, model="rerank-v3.5", query="which", documents=["one", "two"]
    )
    assert (await shared.balance()).total.unpriced == unpriced + 1
    ended = (await held(shared, stream))[-1]
    assert ended.delta.usage.billed_units.output_tokens == 5


async def test_mistral(shared: Bench, clients: Clients) -> None:
    client, model = clients.mistral, "mistral-large-2512"
    document: Any = {"type": "document_url", "document_url": "https://example.org/a.pdf"}

    def stream() -> list[Any]:
        with client.chat.stream(model=model, messages=MESSAGES, max_tokens=5) as chunks:
            return list(chunks)

    # 17 x 0.5 + 5 x 1.5 = 16 a million
    assert (
        await cost(
            shared, lambda: client.chat.complete(model=model, messages=MESSAGES, max_tokens=5)
        )
        == "0.000016"
    )
    # three pages at a dollar a thousand
    assert (
        await cost(
            shared,
            lambda: client.ocr.process(
                model="mistral-ocr-2505", document=document, pages=[0, 1, 2]
            ),
        )
        == "0.003"
    )
    before = await shared.settled()
    chunks = await asyncio.to_thread(stream)
    assert chunks[-1].data.usage.total_tokens == 22
    # the gateway's log reads OpenAI's shape
    assert (await shared.settled()).amount - before.amount == 16 * 10**12


async def test_a_limit_is_an_error_of_each_client(shared: Bench, clients: Clients) -> None:
    shared.document = QUOTA
    try:
        with pytest.raises(errors.ClientError) as of_google:
            await asyncio.to_thread(
                clients.google.models.generate_content, model="gemini-2.5-flash", contents=QUESTION
            )
        with pytest.raises(ClientError) as of_aws:
            await asyncio.to_thread(clients.aws.converse, modelId=NOVA, messages=BLOCKS)
        with pytest.raises(cohere.TooManyRequestsError) as of_cohere:
            await asyncio.to_thread(
                clients.cohere.chat,
                model="command-r-08-2024",
                messages=MESSAGES,
                request_options={"max_retries": 0},
            )
        with pytest.raises(SDKError) as of_mistral:
            await asyncio.to_thread(
                clients.mistral.chat.complete, model="mistral-large-2512", messages=MESSAGES
            )
    finally:
        shared.document = {"verdict": "allow"}
    assert (of_google.value.code, of_google.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert of_aws.value.response["Error"]["Code"] == "ThrottlingException"
    assert "A quota is reached" in of_aws.value.response["Error"]["Message"]
    assert "A quota is reached" in str(of_cohere.value.body)
    assert of_mistral.value.status_code == 429


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/gemini/v1/models/gemini-2.5-flash:generateContent", {"contents": []}, 400),
        ("/gemini/v1/models/nobody:generateContent", {"contents": [{"parts": []}]}, 404),
        ("/gemini/v1/models/gemini-embedding-001:batchEmbedContents", {"requests": [1]}, 400),
        ("/bedrock/model/amazon.nova-lite-v1%3A0/converse", {"messages": [{"content": "x"}]}, 400),
        ("/bedrock/model/amazon.nova-lite-v1%3A0/invoke", {}, 400),
        ("/cohere/v2/embed", {"model": "embed-v4.0", "texts": []}, 400),
        ("/cohere/v2/chat", {"model": "embed-v4.0", "messages": MESSAGES}, 400),
        ("/mistral/v1/ocr", {"model": "mistral-ocr-2505", "pages": "all"}, 400),
    ],
)
async def test_what_cannot_be_read_is_refused(
    shared: Bench, path: str, body: dict[str, Any], status: int
) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        made = await client.post(f"{shared.url}{path}", json=body, headers={"api-key": KEY})
    assert made.status_code == status
    assert made.json()["error"]["message"]
