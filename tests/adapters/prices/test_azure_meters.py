"""Azure's meters: read word by word, and refused with a reason where that is not enough."""

from typing import Final

import pytest

from metering.adapters.prices.azure_meters import Meter, read_meter

GPT: Final = "Azure OpenAI"


@pytest.mark.parametrize(
    ("product", "name", "what"),
    [
        (GPT, "gpt 4.1 cached Inp Data Zone Tokens", "gpt-4.1 data_zone standard cached_read"),
        (GPT, "gpt 4o mini0718 BatchOutp DataZone Tokens", "gpt-4o-mini data_zone batch output"),
        (GPT, "5.6 luna ShortCo Cd Wr PP Gl 1M Tokens", "gpt-5.6-luna global priority cache_write"),
        (GPT, "5.5 LongCo cd inp Dz 1M Tokens", "gpt-5.5 data_zone standard cached_read long"),
        (
            GPT,
            "text embedding 3 large DZ Tokens",
            "text-embedding-3-large data_zone standard input",
        ),
        (GPT, "gpt-4o-aud-1217-txt Inp glbl Tokens", "gpt-4o-audio-preview global standard input"),
        (
            GPT,
            "gpt-4o-aud-1217 Inp glbl Tokens",
            "gpt-4o-audio-preview global standard input_audio",
        ),
        (
            GPT,
            "gpt rt aud 0828 cchd Inp DZn Tokens",
            "gpt-realtime data_zone standard cached_audio",
        ),
        (GPT, "Image 2 img Batch opt Gl 1M Tokens", "gpt-image-2 global batch output_image"),
        (GPT, "babbage-002-base-glbl Tokens", "babbage-002 global standard input+output"),
        ("Azure Grok Models", "4.3 Inp Glbl L Tokens", "grok-4.3 global standard input long"),
        (
            "Azure Deepseek Models",
            "V4 Flash cached DZ Tokens",
            "DeepSeek-V4-Flash data_zone standard cached_read",
        ),
        ("Azure Kimi", "K2.5 cached glbl Tokens", "Kimi-K2.5 global standard cached_read"),
    ],
)
def test_a_meters_name_says_model_deployment_tier_and_bucket(
    product: str, name: str, what: str
) -> None:
    meter = read_meter(product, name, "1K")

    assert not isinstance(meter, str)
    said = [meter.model.name, meter.deployment_type, meter.service_tier, "+".join(meter.buckets)]
    assert " ".join([*said, "long"] if meter.long_context else said) == what


@pytest.mark.parametrize(
    ("name", "unit", "why"),
    [
        ("gpt 9 Inp glbl Tokens", "1K", "names no model that is known: '9'"),
        ("gpt 4.1 Inp Tokens", "1K", "names no deployment type"),
        ("gpt 4.1 glbl Tokens", "1K", "names neither input nor output"),
        ("gpt 4.1 Inp Outp glbl Tokens", "1K", "names two directions: input and output"),
        ("gpt 4.1 Inp glbl Dz Tokens", "1K", "names two deployment types: global and data_zone"),
        ("gpt 4.1 aud Inp glbl Tokens", "1K", "names audio tokens: a model for text has others"),
        (
            "gpt rt 0828 Inp glbl Tokens",
            "1K",
            "names no kind of tokens: a model for realtime has others",
        ),
        ("gpt 4.1 cached Outp glbl Tokens", "1K", "names neither input nor output"),
        (
            "4.1 mini ft training Dz Tokens",
            "1K",
            "training or the developer tier of a fine-tuned model",
        ),
        (
            "gpt-4.1-dev-ft inpt glbl Tokens",
            "1K",
            "training or the developer tier of a fine-tuned model",
        ),
        (
            "Ministral 3bFTregnl Tokens",
            "1K",
            "a fine-tuned model whose meter runs its words together",
        ),
        ("o1 model ft grader input Tokens", "1K", "tokens of a grader"),
        ("gpt 4.1 Inp glbl Tokens", "1 Hour", "not priced by the token (unit 1 Hour)"),
        ("OCR 4 glbl Pages", "1K", "not priced by the token (unit 1K)"),
    ],
)
def test_an_unclear_meter_is_refused_with_its_reason(name: str, unit: str, why: str) -> None:
    assert read_meter(GPT, name, unit) == why


@pytest.mark.parametrize(
    ("name", "model", "deployment_type", "bucket"),
    [
        ("gpt-4.1-ft input global Tokens", "gpt-4.1.ft", "global", "input"),
        ("4.1 nano ft cd inp Dz Tokens", "gpt-4.1-nano.ft", "data_zone", "cached_read"),
        ("o4-mini-ft output global Tokens", "o4-mini.ft", "global", "output"),
    ],
)
def test_fine_tuned_models_stand_under_the_name_of_their_base(
    name: str, model: str, deployment_type: str, bucket: str
) -> None:
    found = read_meter("Azure OpenAI", name, "1K")

    assert isinstance(found, Meter)
    assert (found.model.name, found.deployment_type, found.buckets) == (
        *(model, deployment_type),
        (bucket,),
    )


@pytest.mark.parametrize(
    ("name", "unit", "model", "counted_in", "size"),
    [
        ("Speech-to-Text-Batch-Whisper-regnl Unit", "1 Hour", "whisper", "second", 3600),
        ("Speech-Text to Speech HD-global Characters", "1M", "tts-hd", "million characters", 1),
        ("Image-Dall-E-3 HD LowRes-regnl EP Images", "100", "dall-e-3/hd-lowres", "image", 100),
        ("file-search-tool-calls-datazone Calls", "1K", "file_search_call", "call", 1000),
        ("Code-Interpreter-global Session", "1", "code_interpreter_session", "session", 1),
        ("Rerank v4 Pro DZ Search", "1K", "Cohere-rerank-v4.0-pro", "search", 1000),
        ("4.1 mini ft hosting Dz Unit", "1 Hour", "gpt-4.1-mini.ft/hosting", "hour", 1),
    ],
)
def test_meters_of_other_things_than_tokens_are_read(
    name: str, unit: str, model: str, counted_in: str, size: int
) -> None:
    found = read_meter("Azure OpenAI", name, unit)

    assert isinstance(found, Meter)
    assert (found.model.name, found.unit, int(found.size)) == (model, counted_in, size)
    assert found.buckets == ("quantity",)
