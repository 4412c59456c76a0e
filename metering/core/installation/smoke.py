"""The findings of a smoke test: which leg of the way from the gateway to the ledger failed."""

from typing import Final, NamedTuple

from metering.core.basics.instants import MINUTE, Instant
from metering.core.installation.finding import Finding, fail, ok, warn
from metering.core.ledger.entry import State

#: The prefix of the use case that marks a request of the smoke test.
MARK: Final = "metering-smoke-"

_BY_STATUS: Final = {
    401: "the subscription key is wrong, or the gateway has no role on the model yet",
    403: "admission blocked it, or the gateway has no role on the model: see the body",
    404: "the path or the deployment does not exist at the gateway",
    429: "a limit of the gateway, of admission or of the model was reached",
}


class Answered(NamedTuple):
    """The gateway's answer to a request."""

    status: int
    detail: str = ""
    """The beginning of the body of a refusal; empty for a success."""


class Trail(NamedTuple):
    """Observations about a request that has not reached the ledger."""

    dead_letters: tuple[str, ...]
    """The codes of events that were set aside since it was sent."""
    hub_lag: Instant | None
    """The lag of counting behind the hubs; None if they cannot be asked."""


def answered(kind: str, answer: Answered) -> Finding:
    """Judge the gateway's answer; `kind` names the request: `whole` or `streamed`."""
    check = f"{kind} request, answer of the gateway"
    if answer.status == 200:  # noqa: PLR2004, HTTP's own number
        return ok(check, "200")
    meaning = _BY_STATUS.get(answer.status, "the model or the gateway failed: see its log")
    detail = f"{answer.status} {answer.detail}".strip() if answer.status else answer.detail
    return fail(check, detail, meaning)


def counted(kind: str, state: State | None, trail: Trail) -> Finding:
    """Judge whether the gateway's event has reached the ledger."""
    check = f"{kind} request, event in the ledger"
    if state is not None:
        return ok(check, "counted" if not state.is_hold else "reported, its counts to come")
    if trail.dead_letters:
        codes = ", ".join(sorted(set(trail.dead_letters)))
        remedy = "`metering dead-letters list` shows why; an unknown subscription needs a tenant"
        return fail(check, f"set aside: {codes}", remedy)
    if trail.hub_lag is None:
        remedy = "`metering doctor` checks the way; run it with the settings of the function app"
        return fail(check, "not there, and the hubs cannot be asked", remedy)
    if trail.hub_lag > MINUTE:
        remedy = "the function app does not read its hub: see its log (docs/operations.md)"
        return fail(check, f"the hub is {trail.hub_lag // MINUTE} minutes behind", remedy)
    remedy = (
        "the hub is read, so the gateway sent nothing: its identity needs the role of a sender, its"
        " network must reach the hub, and the API needs the policy"
    )
    return fail(check, "not there", remedy)


def completed(state: State | None) -> Finding:
    """Judge whether the counts of a stream have come from the gateway's log."""
    check = "streamed request, counts from the log"
    if state is not None and not state.is_hold:
        return ok(check, "counted")
    return warn(
        check,
        "not yet",
        "after its diagnostic setting was made the log takes up to ninety minutes, later minutes",
    )
