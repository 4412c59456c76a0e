"""`metering producers`: bind a producer, see it, take it back."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Metering

NAME = "app:6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11"


def test_a_producer_is_bound_listed_and_unbound(metering: "Metering") -> None:
    given = ("--subject", "sub-2", "--subject", "sub-1", "--source", "/App/Search")
    ran = metering.run("producers", "set", NAME, *given)
    assert ran.stdout == f"{NAME} is bound: from 2026-11-20T12:00:00Z\n", ran.stderr
    assert metering.run("producers", "set", NAME, *given).stdout.endswith("unchanged\n")
    expected = {"producer": NAME, "subjects": ["sub-1", "sub-2"], "sources": ["/app/search"]}
    assert metering.run("producers", "list", "--json").json == [expected]
    assert "/app/search" in metering.run("producers", "list").stdout
    metering.run("producers", "set", NAME)
    nothing = {"producer": NAME, "subjects": [], "sources": []}
    assert metering.run("producers", "list", "--json").json == [nothing]
    log = metering.run("audit", "--action", "producer.set", "--json").json
    assert {one["resource"] for one in log} == {f"producer/{NAME}"}


def test_a_wrong_binding_is_one_line(metering: "Metering") -> None:
    wrong = {
        ("me", "--subject", "s", "--source", "/app"): "producer 'me': write app:<client id>",
        (NAME, "--subject", "s", "--source", "/apim/x"): "source '/apim/x': /apim/… is the",
        (NAME, "--subject", "s"): "give subjects and sources",
        (NAME, "--subject", "", "--source", "/app"): f"producer {NAME}: subjects.0: String",
    }
    for given, reason in wrong.items():
        ran = metering.run("producers", "set", *given)
        assert (ran.code, ran.stderr.count("\n")) == (1, 1), ran.stderr
        assert reason in ran.stderr
    assert metering.run("producers", "list", "--json").json == []
