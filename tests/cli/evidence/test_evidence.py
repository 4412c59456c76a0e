"""An evidence file proves a bill to somebody who has nothing else."""

from tests.cli.evidence.conftest import Evidence, check


def test_a_true_bill_holds_with_and_without_an_anchor(evidence: Evidence) -> None:
    found = evidence.check()
    assert found.faults == []
    assert (found.code, "acme 2026-11: holds" in found.output) == (0, True)
    alone = check(evidence.file)
    assert (alone.code, "not that it is the original" in alone.output) == (0, True)
