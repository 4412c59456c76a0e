"""Metrics in Prometheus form, read by the parser of its own client library."""

from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from metering import bootstrap
from metering.adapters.telemetry.observed_usage import MAX_MODELS
from metering.app.ingest.ingest import Message
from metering.core.installation.metric_table import METRIC_TABLE
from metering.core.installation.metrics import COUNTERS, GAUGES, HISTOGRAMS, METRICS
from metering.local.prometheus import Prometheus, prometheus_name, series_of
from metering.settings.settings import Settings, SqliteStore
from tests.builders import NOW, body


def test_every_metric_has_a_family_of_its_kind_with_its_labels() -> None:
    telemetry = Prometheus()
    for counter in COUNTERS:
        telemetry.add(counter, 2, dict.fromkeys(METRIC_TABLE[counter].labels, "x"))
    for histogram in HISTOGRAMS:
        telemetry.record(histogram, 3, dict.fromkeys(METRIC_TABLE[histogram].labels, "x"))
    for gauge in GAUGES:
        telemetry.set(gauge, 4, dict.fromkeys(METRIC_TABLE[gauge].labels, "x"))
    families = {
        one.name: one for one in read_open_metrics(open_metrics(telemetry.registry).decode())
    }
    assert set(families) == {prometheus_name(name) for name in METRICS}
    for name in METRICS:
        family = families[prometheus_name(name)]
        asked = {prometheus_name(label) for label in METRIC_TABLE[name].labels}
        assert family.documentation
        assert all(set(one.labels) - {"le"} == asked for one in family.samples), name
        assert all(one.name.startswith(series_of(name)) for one in family.samples), name
    with telemetry.span("any", {}) as span:
        span.note({"n": 1})


async def counted(folder: Path, *bodies: bytes) -> dict[str, float]:
    """Return the series, without buckets, after the ingestion of events and a repeat."""
    app = bootstrap.App(Settings(SqliteStore(folder / "store.db"), fixed_now=NOW))
    app.telemetry = telemetry = Prometheus()
    await app.ingest.batch([Message(one, "0", number) for number, one in enumerate(bodies)])
    await app.ingest.batch([Message(bodies[0], "0", len(bodies))])
    await app.close()
    return {
        " ".join([one.name, *(f"{name}={text}" for name, text in sorted(one.labels.items()))]): (
            one.value
        )
        for family in read_text(generate_latest(telemetry.registry).decode())
        for one in family.samples
        if "le" not in one.labels
    }


async def test_tokens_and_amounts_are_those_of_the_ledger(tmp_path: Path) -> None:
    chat = {"data__operation": "ChatCompletions_Create", "data__requested_model": "gpt-4o"}
    found = await counted(tmp_path, body(**chat), body(id="r-2", **chat))
    labels = (
        "gen_ai_provider_name=azure.ai.openai gen_ai_request_model=gpt-4o"
        " gen_ai_response_model=gpt-4o-2024-11-20"
    )
    tokens = f"gen_ai_client_token_usage_{{}} gen_ai_operation_name=chat {labels}"
    # Twice 1,000 and 100 tokens; the repeat of the first counts nowhere.
    assert found[f"{tokens.format('sum')} gen_ai_token_type=input"] == 2_000
    assert found[f"{tokens.format('sum')} gen_ai_token_type=output"] == 200
    assert found[f"{tokens.format('count')} gen_ai_token_type=output"] == 2
    # 2 x (1,000 x 2.5 + 100 x 10) a million
    assert found[f"metering_usage_amount_total currency=USD {labels}"] == 0.007


async def test_names_that_clients_make_up_are_a_bounded_number_of_series(tmp_path: Path) -> None:
    more = MAX_MODELS + 50
    made_up = [
        body(id=f"r-{number}", data__requested_model=f'model "{number}"\n')
        for number in range(more)
    ]
    found = await counted(tmp_path, *made_up)
    told = {name: value for name, value in found.items() if "token_usage_count" in name}
    assert len(told) == 2 * (MAX_MODELS + 1)
    (other,) = (name for name in told if "request_model=_OTHER" in name and "=input" in name)
    assert told[other] == 50
