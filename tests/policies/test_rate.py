"""The rate of a plan: counted by the platform, by the tenant that the document names."""

import pytest

from tests.policies.gateway import Gateway
from tests.policies.verdicts import ALLOW, BLOCK, admitted

FAST = ALLOW | {"tenant": "acme", "requests_per_minute": 3}


@pytest.mark.parametrize(
    ("taken", "end"),
    [({}, "outbound"), ({"metering-rate/acme": 2}, "outbound"), (None, "outbound")],
)
def test_requests_within_the_rate_pass(gateway: Gateway, taken: object, end: str) -> None:
    assert admitted(gateway, FAST, rate=taken)["end"] == end


def test_a_request_beyond_the_rate_reaches_no_model_and_is_one_event(gateway: Gateway) -> None:
    done = admitted(gateway, FAST, rate={"metering-rate/acme": 3})
    assert (done["end"], done["forwarded"], done["response"]["status"]) == ("on-error", None, 429)
    (sent,) = done["events"]
    assert (sent["event"]["data"]["status"], sent["event"]["data"]["tokens"]) == (429, "absent")


def test_another_tenants_requests_do_not_count(gateway: Gateway) -> None:
    assert admitted(gateway, FAST, rate={"metering-rate/initech": 9})["end"] == "outbound"


@pytest.mark.parametrize("rate", [None, "many", {}, 1.5])
def test_what_is_no_rate_limits_nobody(gateway: Gateway, rate: object) -> None:
    document = FAST | {"requests_per_minute": rate}
    assert admitted(gateway, document, rate={"metering-rate/acme": 9})["end"] == "outbound"


def test_a_refused_request_takes_none_of_the_rate(gateway: Gateway) -> None:
    done = admitted(gateway, FAST | BLOCK, rate={"metering-rate/acme": 9})
    assert done["end"] == "returned"
