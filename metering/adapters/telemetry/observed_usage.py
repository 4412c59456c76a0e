"""The usage of commits as metrics: tokens by OpenTelemetry's GenAI conventions, and amounts."""

from collections.abc import Callable, Mapping
from typing import Final

from metering.core.basics.money import Amount, to_decimal
from metering.core.calendars.periods import LedgerId
from metering.core.installation.gen_ai import (
    CURRENCY,
    OPERATION,
    OTHER,
    REQUESTED,
    SERVED,
    TOKEN_TYPE,
    Counted,
    counted,
    labels_of,
)
from metering.core.ledger.commit import Commit
from metering.ports import SILENT, Labels, Telemetry

#: Pairs of a requested and a serving model that a process names; later ones share the name
#: `_OTHER`. Clients choose names freely, and every name is a series that somebody pays for.
MAX_MODELS: Final = 200

type _Models = tuple[str | None, str | None]


class ObservedUsage:
    """Records what the entries of commits make known about requests."""

    def __init__(self, telemetry: Telemetry, currency_of: Callable[[LedgerId], str]) -> None:
        self._telemetry = telemetry
        self._currency_of = currency_of
        self._models: set[_Models] = set()

    def record(self, commit: Commit) -> None:
        """Record the tokens and amounts of a commit that has been written."""
        if self._telemetry is SILENT:
            return
        amounts: dict[tuple[tuple[str, str], ...], Amount] = {}
        for entry in (entry for page in commit.pages for entry in page.entries):
            one = counted(entry)
            if one is None:
                continue
            labels = self._labels(one)
            if one.tokens is not None:
                self._record_tokens(one.tokens, {**labels, OPERATION: one.operation})
            if one.amount is not None:
                key = tuple(labels.items())
                amounts[key] = amounts.get(key, 0) + one.amount
        for key, amount in amounts.items():
            labels = {**dict(key), CURRENCY: self._currency_of(commit.head.ledger)}
            self._telemetry.add("metering.usage.amount", float(to_decimal(amount)), labels)

    def _record_tokens(self, tokens: tuple[int, int], labels: Mapping[str, str]) -> None:
        for kind, count in zip(("input", "output"), tokens, strict=True):
            self._telemetry.record("gen_ai.client.token.usage", count, {**labels, TOKEN_TYPE: kind})

    def _labels(self, one: Counted) -> Labels:
        models = (one.requested, one.served)
        if models not in self._models:
            if len(self._models) >= MAX_MODELS:
                return {**labels_of(one), REQUESTED: OTHER, SERVED: OTHER}
            self._models.add(models)
        return labels_of(one)
