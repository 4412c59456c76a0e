"""Increases: higher limits of a quota that end by themselves."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from metering.core.basics.instants import Instant
from metering.core.basics.validation import Strict
from metering.core.plans.quota import Limit, Quota
from metering.core.plans.scope import Values
from metering.core.plans.terms import Listed, ModelName

type Text = Annotated[str, Field(min_length=1, max_length=256)]


class Increase(Strict):
    """Another limit of one version of a quota, until an instant."""

    quota: str
    """The quota's key: an edited quota is another one, without the increase."""
    values: Listed[ModelName] = ()
    """For one counter of a quota that is split by attributes; empty: for all of them."""
    limit: Limit
    until: Instant
    reason: Text
    author: Text


def limit_in_force(
    quota: Quota, values: Values, increases: Sequence[Increase], at: Instant
) -> tuple[int, Instant | None]:
    """Return the limit of one counter in the metric's unit, and when an increase of it ends.

    Of several increases the last one counts, one for the counter before one for all.
    """
    if not increases:
        return quota.limit_of(values), None
    known = [one for one in increases if one.quota == quota.key and at < one.until]
    for wanted in (values, ()):
        found = [one for one in known if one.values == wanted]
        if found:
            return quota.units(found[-1].limit), found[-1].until
    return quota.limit_of(values), None
