"""The status of an installation: one answer to each question that an operator asks first."""

from typing import Final, Literal, NamedTuple

from metering.core.basics.instants import MINUTE, Instant

#: The questions, in order. The workbook in Azure asks the same (bicep/workbook.json).
RUNS: Final = "Does anything run?"
READ: Final = "Is anything not read?"
COUNTED: Final = "Is anything not counted?"
PRICED: Final = "Is anything not priced?"
CLOSED: Final = "Is anything not closed?"
DELIVERED: Final = "Is anything not delivered?"
FAULTS: Final = "Does a fault need a person?"
QUESTIONS: Final = (RUNS, READ, COUNTED, PRICED, CLOSED, DELIVERED, FAULTS)

#: A commit within this time shows that counting runs; without one there may be no traffic.
BUSY: Final[Instant] = 60 * MINUTE
#: Counting is normally seconds behind the hubs; the alert `behind` has the same limit.
BEHIND: Final[Instant] = 10 * MINUTE

type Answered = Literal["ok", "look", "unknown"]


class Answer(NamedTuple):
    """The answer to one question."""

    question: str
    answer: Answered
    figure: int | None
    """None if it is not known."""
    unit: str
    """The meaning of the figure."""
    remedy: str = ""
    """The next step for the operator; empty if all is well."""


def last_commit(age: Instant | None) -> Answer:
    """Say whether counting runs, by the age of the last commit; None without any."""
    unit = "minutes since the last commit"
    if age is not None and age < BUSY:
        return Answer(RUNS, "ok", age // MINUTE, unit)
    remedy = "is there traffic? `metering doctor` checks the way from the hub to the store"
    return Answer(RUNS, "unknown", None if age is None else age // MINUTE, unit, remedy)


def hub_lag(lag: Instant | None, *, is_reachable: bool, fault: str = "") -> Answer:
    """Say whether the hubs are read, by the lag of counting; None before it is measured.

    `fault` says why the last measurement failed.
    """
    unit, remedy = "minutes behind the hubs", "see the runbook: events wait"
    if lag is None or not is_reachable:
        late = "no end of the hubs is known to be read: ask again; if that stays, " + remedy
        why = f"the hubs cannot be asked: {fault}" if fault else late
        return Answer(READ, "unknown", None, unit, why)
    answer: Answered = "ok" if lag < BEHIND else "look"
    return Answer(READ, answer, lag // MINUTE, unit, "" if answer == "ok" else remedy)


def none_of(question: str, number: int | None, unit: str, remedy: str) -> Answer:
    """Return an answer that is well at zero; None is not counted yet."""
    if number is None:
        return Answer(question, "unknown", None, unit, "being counted: ask again")
    if number:
        return Answer(question, "look", number, unit, remedy)
    return Answer(question, "ok", 0, unit)
