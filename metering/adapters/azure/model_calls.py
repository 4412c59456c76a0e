"""Small requests to a model behind a gateway, as an OpenAI or Anthropic client sends them."""

import json
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

import aiohttp

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.patterns import is_loopback
from metering.core.installation.smoke import Answered

_TIMEOUT_S: Final = 60
_SHOWN: Final = 300
_TOKENS: Final = 16
_API_VERSION: Final = "2024-10-21"
_ANTHROPIC_VERSION: Final = "2023-06-01"
_SAY: Final = [{"role": "user", "content": "Say ok."}]

type Dialect = Literal["openai", "anthropic"]


class GatewayCalls:
    """Implements ModelCaller. The key is sent to this gateway alone and is in no message."""

    def __init__(
        self, base_url: str, key: str, model: str, *, dialect: Dialect, use_case_header: str
    ) -> None:
        """`base_url` includes the path of the API, such as `https://host/openai`."""
        parts = urlsplit(base_url)
        if not parts.hostname or not (parts.scheme == "https" or is_loopback(parts)):
            raise ConfigurationError(f"--gateway: {base_url!r} is not https://HOST/PATH")
        self._base = base_url.rstrip("/")
        self._key = key
        self._model = model
        self._dialect = dialect
        self._header = use_case_header

    async def call(self, mark: str, *, streamed: bool) -> Answered:
        """Send a request under a use case. An answer that does not come has the status 0."""
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S), auto_decompress=True
                ) as session,
                session.post(
                    self._url,
                    json=self._body(streamed=streamed),
                    headers={**self._headers, self._header: mark},
                    allow_redirects=False,
                ) as answer,
            ):
                body = await answer.content.read() if answer.status >= 400 else b""  # noqa: PLR2004
                async for _ in answer.content.iter_chunked(1 << 16):
                    pass
                return Answered(answer.status, _shown(body))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Answered(0, f"no answer: {type(error).__name__}")

    @property
    def _url(self) -> str:
        if self._dialect == "anthropic":
            return f"{self._base}/v1/messages"
        place = f"deployments/{quote(self._model, safe='')}/chat/completions"
        return f"{self._base}/{place}?api-version={_API_VERSION}"

    @property
    def _headers(self) -> dict[str, str]:
        if self._dialect == "anthropic":
            return {"x-api-key": self._key, "anthropic-version": _ANTHROPIC_VERSION}
        return {"api-key": self._key}

    def _body(self, *, streamed: bool) -> dict[str, Any]:
        body: dict[str, Any] = {"messages": _SAY, "stream": streamed}
        if self._dialect == "anthropic":
            return body | {"model": self._model, "max_tokens": _TOKENS}
        return body | {"max_completion_tokens": _TOKENS}


def _shown(body: bytes) -> str:
    """Return the message of a refusal, or its beginning."""
    text = body[: _SHOWN * 4].decode(errors="replace")
    try:
        error = json.loads(body)["error"]
        text = str(error["message"])
    except (ValueError, KeyError, TypeError):
        pass
    return " ".join(text.split())[:_SHOWN]
