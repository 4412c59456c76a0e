"""Business outcomes as they arrive."""

import pytest
from pydantic import ValidationError

from metering.core.outcome import BusinessOutcomeData


def quantity(text: object) -> int:
    content = {"outcome": "ticket_resolved", "use_case": "support", "quantity": text}
    return BusinessOutcomeData.model_validate(content).quantity


def test_a_quantity_is_kept_in_millionths_and_is_one_unless_said() -> None:
    assert quantity("1.5") == 1_500_000
    assert BusinessOutcomeData(outcome="x", use_case="y").quantity == 1_000_000


@pytest.mark.parametrize("text", ["1e3", "", "0.0000001", 1, 1.5, None, "-1", "1000000000001"])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(ValidationError, match=r"quoted decimal|between 0"):
        quantity(text)
