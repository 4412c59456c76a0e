"""Dead letters: events that were not counted."""

from typing import Annotated

from fastapi import Path, Query

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import Problem, not_found
from metering.api.routers import for_operators
from metering.core.basics.errors import ConfigurationError
from metering.documents.ingest import (
    MAX_BODY,
    MAX_DEAD_LETTERS,
    DeadLetterDocument,
    DeadLetterReplay,
    DeadLettersRequest,
    DroppedDeadLetters,
    RecountedDeadLetters,
)
from metering.ports import DeadLetter

router = for_operators("dead letters")

#: Letters that a list covers; older ones are listed by code.
_MAX_LISTED = 2_000

LetterId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{1,64}$", description="An id or the start of one.")
]
Code = Annotated[str | None, Query(max_length=64, description="Only letters with this code.")]


@router.get("/dead-letters")
async def list_dead_letters(
    app: TheApp, code: Code = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[DeadLetterDocument]:
    """List dead letters, newest first."""
    seen = limit + 1 if cursor is None else _MAX_LISTED
    letters = await app.dead_letters.latest(seen, code)
    return page_of(
        sorted(letters, key=lambda letter: (-letter.received, letter.id)),
        lambda letter: (-letter.received, letter.id),
        DeadLetterDocument.of,
        listed=f"dead letters {code}",
        cursor=cursor,
        limit=limit,
    )


@router.get("/dead-letters/counts")
async def count_dead_letters(app: TheApp) -> dict[str, int]:
    """Count dead letters by code."""
    return dict((await app.dead_letters.counts()).kept)


@router.post("/dead-letters/recount")
async def recount_dead_letters(app: TheApp, caller: TheCaller) -> RecountedDeadLetters:
    """Count all dead letters anew, after a crash has left the counts behind. Safe to repeat."""
    asked = Change("dead_letters.recount", "dead-letters", {})
    found = await change(app, caller, asked, lambda: None, app.dead_letters.recount)
    return RecountedDeadLetters.model_validate(found)


@router.get("/dead-letters/{letter_id}")
async def show_dead_letter(app: TheApp, letter_id: LetterId) -> DeadLetterDocument:
    """Return one dead letter with the start of its body."""
    return DeadLetterDocument.of(await _one(app, letter_id), body_bytes=MAX_BODY)


@router.post("/dead-letters/replay")
async def replay_dead_letters(
    app: TheApp, caller: TheCaller, body: DeadLettersRequest
) -> DeadLetterReplay:
    """Replay dead letters. Events that were counted meanwhile are duplicates."""
    letters = await _chosen(app, body)
    asked = Change("dead_letters.replay", "dead-letters", _audited(body, letters))
    tally = await change(app, caller, asked, lambda: None, lambda: app.dead_letters.replay(letters))
    return DeadLetterReplay.of_letters(len(letters), tally)


@router.post("/dead-letters/drop")
async def drop_dead_letters(
    app: TheApp, caller: TheCaller, body: DeadLettersRequest
) -> DroppedDeadLetters:
    """Delete dead letters without counting them."""
    letters = await _chosen(app, body)
    asked = Change("dead_letters.drop", "dead-letters", _audited(body, letters))
    await change(app, caller, asked, lambda: None, lambda: app.dead_letters.drop(letters))
    return DroppedDeadLetters(letters=len(letters))


async def _chosen(app: bootstrap.App, body: DeadLettersRequest) -> list[DeadLetter]:
    if (body.ids is not None) == body.every:
        message = "give either ids or every, with or without code"
        raise Problem(422, f"ids: {message}", errors=[{"field": "ids", "message": message}])
    if body.ids is None:
        return await app.dead_letters.latest(MAX_DEAD_LETTERS, body.code)
    found = [await _one(app, prefix) for prefix in body.ids]
    return list({letter.id: letter for letter in found}.values())


async def _one(app: bootstrap.App, prefix: str) -> DeadLetter:
    try:
        return await app.dead_letters.one(prefix)
    except ConfigurationError:
        raise not_found() from None


def _audited(body: DeadLettersRequest, letters: list[DeadLetter]) -> dict[str, object]:
    return {**body.model_dump(), "letters": [letter.id for letter in letters]}
