"""Rating one request, beside two libraries that price LLM calls, on the same models and counts."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import version
from time import perf_counter
from types import ModuleType
from typing import Any, Final

from benchmarks.counting import Core
from benchmarks.events import Load
from benchmarks.timing import Contender
from metering.adapters.files import committed_prices
from metering.core.basics.instants import to_datetime
from metering.core.prices.price_book import PriceBook
from metering.core.usage.buckets import INDEX, INPUT_BUCKETS
from metering.core.usage.usage import Usage

#: Both libraries get it as an argument, which saves them the search.
_PROVIDER: Final = "azure"
_BATCH: Final = "one request a call"

type Call = Callable[[], Any]
"""Prices one request, its arguments made beforehand."""


def contenders(load: Load) -> tuple[dict[str, Contender], list[str]]:
    """Return what is measured about rating, by package, and the packages that are not installed."""
    core = Core(PriceBook(committed_prices()))
    rate = core.terms_book.rate
    usages = [usage for batch in load.timed for usage in core.read(batch)]
    priced = [usage for usage in usages if rate(usage, usage.time)[1]]
    entrants = {
        "metering": Contender("metering rate", _BATCH, len(priced), partial(_rate, core, priced))
    }
    missing: list[str] = []
    for package, prepare in _RIVALS.items():
        try:
            function, calls = prepare(priced)
        except ModuleNotFoundError:
            missing.append(package)
            continue
        name = f"{package} {version(package)} {function}"
        entrants[package] = Contender(name, _BATCH, len(calls), partial(_run, calls))
    return entrants, missing


def _rate(core: Core, usages: Sequence[Usage]) -> float:
    rate = core.terms_book.rate
    start = perf_counter()
    for usage in usages:
        rate(usage, usage.time)
    return perf_counter() - start


def _run(calls: Sequence[Call]) -> float:
    start = perf_counter()
    for call in calls:
        call()
    return perf_counter() - start


def _genai_prices(usages: Sequence[Usage]) -> tuple[str, list[Call]]:
    module = import_module("genai_prices")
    return "calc_price", [_genai_prices_call(module, usage) for usage in usages]


def _genai_prices_call(module: ModuleType, usage: Usage) -> Call:
    prompt, cached, output = _counts(usage)
    counts = module.Usage(input_tokens=prompt, cache_read_tokens=cached, output_tokens=output)
    return partial(
        module.calc_price,
        counts,
        usage.dimensions.model,
        provider_id=_PROVIDER,
        genai_request_timestamp=to_datetime(usage.time),
    )


def _litellm(usages: Sequence[Usage]) -> tuple[str, list[Call]]:
    # It reads its prices from the package then, instead of from the network.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # noqa: TID251, set for it, not read by us
    module = import_module("litellm")
    return "cost_per_token", [_litellm_call(module, usage) for usage in usages]


def _litellm_call(module: ModuleType, usage: Usage) -> Call:
    prompt, cached, output = _counts(usage)
    return partial(
        module.cost_per_token,
        model=usage.dimensions.model,
        custom_llm_provider=_PROVIDER,
        prompt_tokens=prompt,
        cache_read_input_tokens=cached,
        completion_tokens=output,
    )


def _counts(usage: Usage) -> tuple[int, int, int]:
    """Return all prompt tokens, the cached ones among them, and all output tokens."""
    prompt = sum(usage.buckets[INPUT_BUCKETS])
    return prompt, usage.buckets[INDEX["cached_read"]], sum(usage.buckets) - prompt


_RIVALS: Final[dict[str, Callable[[Sequence[Usage]], tuple[str, list[Call]]]]] = {
    "genai-prices": _genai_prices,
    "litellm": _litellm,
}
