"""The smoke test names the leg that failed."""

import pytest

from metering.core.basics.instants import MINUTE
from metering.core.installation.smoke import Answered, Trail, answered, completed, counted
from metering.core.usage.evidence import Evidence
from tests.builders import usage
from tests.core.rollups import pages_of

WELL = Trail((), 0)


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        (Answered(200), "ok", ""),
        (Answered(401, "no"), "fail", "key is wrong"),
        (Answered(404), "fail", "path or the deployment"),
        (Answered(503), "fail", "model or the gateway failed"),
        (Answered(0, "no answer: TimeoutError"), "fail", ""),
    ],
)
def test_an_answer_is_judged_by_its_status(answer: Answered, state: str, said: str) -> None:
    found = answered("whole", answer)
    assert (found.state, said in found.remedy) == (state, True)
    assert answer.detail in found.detail


def test_an_event_that_is_not_there_is_traced_to_its_leg() -> None:
    def remedy(trail: Trail) -> str:
        found = counted("whole", None, trail)
        assert found.state == "fail"
        return f"{found.detail}: {found.remedy}"

    assert "set aside: bad_json" in remedy(Trail(("bad_json", "bad_json"), 0))
    assert "cannot be asked" in remedy(Trail((), None))
    assert "2 minutes behind" in remedy(Trail((), 2 * MINUTE))
    assert "the gateway sent nothing" in remedy(WELL)


def test_a_stream_is_reported_and_then_counted() -> None:
    (page,) = pages_of([usage("a", evidence=Evidence.HELD)])
    (final,) = pages_of([usage("a")])
    held, full = page.entries[0].state, final.entries[0].state
    assert counted("streamed", held, WELL).detail == "reported, its counts to come"
    assert counted("streamed", full, WELL).detail == "counted"
    assert (completed(full).state, completed(held).state, completed(None).state) == (
        *("ok", "warn", "warn"),
    )
