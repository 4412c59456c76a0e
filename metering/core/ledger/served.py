"""Served models: which model a deployment turned out to serve, from the requests counted.

Clients name deployments, and limits name models. What was declared in the registry comes first;
this is for the deployments that were not.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from metering.core.ledger.entry import Entry
from metering.core.prices.price_book import TOKEN
from metering.core.prices.rating import OTHER_NAMES
from metering.core.usage.evidence import counts_known

#: Most deployments of a tenant whose model is remembered; beyond it the earliest one gives way.
MAX_SERVED: Final = 100


def with_served(served: Mapping[str, str], entries: Iterable[Entry]) -> Mapping[str, str]:
    """Return the last served model by deployment, in the order in which these were first seen.

    Only requests that were answered count: callers may name what does not exist.
    """
    found = served
    for entry in entries:
        state = entry.state
        model, of = state.rate.model, state.dimensions
        name = of.deployment or of.requested_model
        if not name or model is None or found.get(name) == model:
            continue
        counted = state.is_usage and counts_known(state.evidence) and state.is_billable
        if not counted or state.rate.unit != TOKEN or model == OTHER_NAMES:
            continue
        found = {**found, name: model}
        if len(found) > MAX_SERVED:
            found.pop(next(iter(found)))
    return found
