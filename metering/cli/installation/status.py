"""`metering status`: whether everything is read, counted, priced, closed and delivered."""

from collections.abc import Sequence
from typing import Final

import typer

from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_table, show, stdout
from metering.core.installation.status import Answer
from metering.documents.installation import StatusAnswer

_SHOWN: Final = {"ok": "ok", "look": "LOOK", "unknown": "unknown"}


def status(as_json: AsJson = False) -> None:
    """Say whether everything is read, counted, priced, closed and delivered.

    Changes nothing. The workbook in Azure asks the same. Exit status 1 if an answer says LOOK.

    Example:  metering status --json
    """
    answers = with_app(lambda app: app.status.run())
    documents = [StatusAnswer.model_validate(one) for one in answers]
    show(documents, lambda: _print(answers), as_json=as_json)
    if any(one.answer == "look" for one in answers):
        raise typer.Exit(1)


def _print(answers: Sequence[Answer]) -> None:
    rows = [
        (
            one.question,
            _SHOWN[one.answer],
            "" if one.figure is None else f"{count(one.figure)} {one.unit}",
        )
        for one in answers
    ]
    print_table("Status", ["question", "answer", "figure"], rows, left=3)
    for one in answers:
        if one.remedy:
            stdout().print(f"{one.question} {one.remedy}", markup=False)
