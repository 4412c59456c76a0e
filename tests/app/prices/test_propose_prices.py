"""Proposed prices: read from a feed, kept with their differences, published by a person or not."""

from typing import Any

import pytest

from metering.app.prices.propose_prices import ProposePrices
from metering.app.prices.publish_prices import Consent, PublishPrices
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import DAY, MINUTE, format_instant
from metering.core.prices.price_book import PriceBook
from tests.builders import NOW, price_file

type System = Any

LATER = format_instant(NOW + 6 * MINUTE)
CHEAPER = price_file(
    {"effective_from": LATER, "per_million_tokens": {"input": "2"}}, version="cheaper"
)
PAST = price_file({"per_million_tokens": {"input": "2"}}, version="past")


def proposing(system: System, *answers: bytes | RetryableError | None) -> ProposePrices:
    """Return the use case over a feed that gives these answers, then the last one again."""
    left = list(answers)

    async def differences(_: PriceBook) -> bytes | None:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, RetryableError):
            raise answer
        return answer

    return ProposePrices(
        tenancy=system.tenancy,
        store=system.prices,
        publisher=PublishPrices(system.tenancy, system.clock),
        differences=differences,
        clock=system.clock,
        alerts=system.alerts,
    )


def versions(system: System) -> list[str]:
    return [record.key for record in system.tenancy.directory.price_versions]


async def test_a_proposal_changes_no_price_until_it_is_published(system: System) -> None:
    use_case = proposing(system, CHEAPER)

    found = await use_case.refresh()
    assert found is not None
    assert (found.name, found.refused) == ("proposed-2026-11-20", ())
    assert [change.kind for change in found.published.changes] == ["changed_later"]
    assert versions(system) == []
    # A day later it is still the newest one.
    system.clock.set(system.clock.now() + DAY)
    newest = await use_case.proposed()
    assert newest is not None
    assert (newest.name, newest.content) == (found.name, found.content)
    system.clock.set(NOW)
    await use_case.publish(Consent(jumps=False))
    assert versions(system) == ["cheaper"]
    assert await use_case.proposed() is None
    with pytest.raises(ConfigurationError, match="no prices are proposed"):
        await use_case.publish(Consent())


async def test_a_feed_without_differences_proposes_nothing(system: System) -> None:
    use_case = proposing(system, None)

    assert await use_case.refresh() is None
    assert await use_case.proposed() is None


async def test_the_first_proposal_of_a_day_stays(system: System) -> None:
    use_case = proposing(system, CHEAPER, PAST)

    await use_case.refresh()
    again = await use_case.refresh()
    assert again is not None
    assert again.published.version == "cheaper"


async def test_a_setting_publishes_what_needs_no_consent(system: System) -> None:
    await proposing(system, CHEAPER).run(publish=True)

    assert versions(system) == ["cheaper"]
    assert system.alerts.messages == []


async def test_what_needs_consent_stays_proposed_and_a_person_is_told(system: System) -> None:
    use_case = proposing(system, PAST)

    await use_case.run(publish=True)

    assert versions(system) == []
    (alert,) = system.alerts.messages
    assert "would change the price of past usage: gpt-4o/global/any/standard" in alert
    assert alert.endswith("see `metering prices proposed`")
    with pytest.raises(ConfigurationError, match="--supersede"):
        await use_case.publish(Consent(supersede=False))
    await use_case.publish(Consent(supersede=True))
    assert versions(system) == ["past"]


async def test_a_feed_out_of_reach_is_told_and_asked_again(system: System) -> None:
    use_case = proposing(system, RetryableError("no answer"), CHEAPER)

    await use_case.run(publish=False)
    assert system.alerts.messages == ["prices: the feed was not read: no answer"]
    await use_case.run(publish=False)
    assert await use_case.proposed() is not None
    assert versions(system) == []
