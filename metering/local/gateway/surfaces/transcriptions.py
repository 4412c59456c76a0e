"""OpenAI's transcriptions and translations of sound.

Whisper is charged by the second, GPT-4o Transcribe by the token: ten of sound a second. A file that
says its length (WAV) is as long as it says; of any other, 16,000 bytes are a second, as of MP3 at
128 kbit/s. The text has two and a half words a second.
"""

import hashlib
import io
import math
import wave
from collections.abc import Iterator
from typing import Final

from metering.local.demo.traffic import Model
from metering.local.gateway.form_body import FormFile
from metering.local.gateway.models.answer import Answer, Block, Choice
from metering.local.gateway.models.answering import words
from metering.local.gateway.models.counting import Counts, inputs_of
from metering.local.gateway.models.draws import Draws
from metering.local.gateway.models.request import ModelRequest
from metering.local.gateway.refusals import Json, openai_refusal
from metering.local.gateway.request_body import FieldInvalid
from metering.local.gateway.surfaces.surface import Exchange, Piece, Surface, sse

_WHISPER: Final = "whisper"
_TOKENS_A_SECOND: Final = 10
_WORDS_A_SECOND: Final = 2.5
_BYTES_A_SECOND: Final = 16_000
#: GPT-4o Transcribe takes 1,500 seconds (model page, 2026-11).
_LONGEST_S: Final = 1_500
_PLAIN: Final = frozenset({"text", "srt", "vtt"})
_FORMATS: Final = {True: {"json", "verbose_json", *_PLAIN}, False: {"json", "text"}}


def _is_whisper(model: Model) -> bool:
    return model.served.startswith(_WHISPER)


def _read(body: Json, model: Model) -> ModelRequest:
    file = body.get("file")
    if not isinstance(file, FormFile) or not file.content:
        raise FieldInvalid("file", "file must be a file of sound that is not empty.")
    formats = _FORMATS[_is_whisper(model)]
    if body.get("response_format", "json") not in [*formats]:
        message = f"response_format must be one of {', '.join(sorted(formats))} with this model."
        raise FieldInvalid("response_format", message, "unsupported_value")
    seconds = seconds_of(file.content)
    if seconds > _LONGEST_S:
        message = f"audio duration is longer than {_LONGEST_S} seconds, the most for this model."
        raise FieldInvalid("file", message, "invalid_value")
    if body.get("stream") is True and _is_whisper(model):
        raise FieldInvalid("stream", "This model does not stream.", "unsupported_parameter")
    prompt = body.get("prompt")
    texts = [prompt] if isinstance(prompt, str) else []
    seeded = inputs_of([*texts, hashlib.sha256(file.content).hexdigest()])
    return ModelRequest(seeded._replace(tokens=inputs_of(texts).tokens), seconds=seconds)


def seconds_of(content: bytes) -> float:
    """Return the length of a file of sound."""
    try:
        with wave.open(io.BytesIO(content)) as sound:
            return float(sound.getnframes() / sound.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return len(content) / _BYTES_A_SECOND


def _measure(request: ModelRequest, model: Model) -> tuple[Answer, Counts]:
    spoken = max(1, round(request.seconds * _WORDS_A_SECOND))
    block = Block(words(spoken, Draws(request.prompt.digest)))
    answer = Answer((Choice((block,)),))
    if _is_whisper(model):
        return answer, Counts(0, quantity=math.ceil(request.seconds))
    sound = max(1, round(request.seconds * _TOKENS_A_SECOND))
    return answer, Counts(request.prompt.tokens + sound, sound=sound, output=spoken)


def _usage(counts: Counts) -> Json:
    if counts.quantity:
        return {"type": "duration", "seconds": counts.quantity}
    return {
        "type": "tokens",
        "input_tokens": counts.prompt,
        "input_token_details": {
            "text_tokens": counts.prompt - counts.sound,
            "audio_tokens": counts.sound,
        },
        "output_tokens": counts.output,
        "total_tokens": counts.prompt + counts.output,
    }


def _answer(exchange: Exchange) -> Json | str:
    text, counts = exchange.answer.choices[0].text, exchange.counts
    seconds = exchange.request.seconds
    match exchange.body.get("response_format", "json"):
        case "text":
            return f"{text}\n"
        case "srt":
            return f"1\n{_stamp(0, ',')} --> {_stamp(seconds, ',')}\n{text}\n"
        case "vtt":
            return f"WEBVTT\n\n{_stamp(0, '.')} --> {_stamp(seconds, '.')}\n{text}\n"
        case "verbose_json":
            return _verbose(exchange, text) | {"usage": _usage(counts)}
        case _:
            return {"text": text, "usage": _usage(counts)}


def _verbose(exchange: Exchange, text: str) -> Json:
    seconds, body = exchange.request.seconds, exchange.body
    told: Json = {
        "task": "transcribe",
        "language": "english",
        "duration": round(seconds, 3),
        "text": text,
    }
    kinds = body.get("timestamp_granularities") or ["segment"]
    if "word" in kinds:
        spoken = text.split()
        each = seconds / len(spoken)
        told["words"] = [
            {"word": word, "start": round(each * n, 3), "end": round(each * (n + 1), 3)}
            for n, word in enumerate(spoken)
        ]
    if "segment" in kinds:
        told["segments"] = [_segment(text, seconds)]
    return told


def _segment(text: str, seconds: float) -> Json:
    return {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": round(seconds, 3),
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": -0.3,
        "compression_ratio": 1.2,
        "no_speech_prob": 0.01,
    }


def _stamp(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1_000)
    minutes, rest = divmod(milliseconds, 60_000)
    whole, part = divmod(rest, 1_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{whole:02}{point}{part:03}"


def _stream(exchange: Exchange) -> Iterator[Piece]:
    (choice,) = exchange.answer.choices
    name = "transcript.text.delta"
    sent = 0
    for block in choice.blocks:
        for token in block.tokens:
            sent += 1
            yield Piece(sse({"type": name, "delta": token}, name), sent)
    name = "transcript.text.done"
    done = {"type": name, "text": choice.text, "usage": _usage(exchange.counts)}
    yield Piece(sse(done, name), sent)


TRANSCRIPTIONS = Surface(
    name="transcriptions",
    api="azure-openai",
    operation="Transcriptions_Create",
    read=_read,
    measure=_measure,
    answer=_answer,
    stream=_stream,
    usage=_usage,
    refuse=openai_refusal,
    takes_form=True,
    billed_as=lambda exchange: exchange.model.served,
    downgradable=False,
    is_logged=False,
)
TRANSLATIONS = TRANSCRIPTIONS._replace(operation="Translations_Create")
