"""Dead letters: what was not counted, and what becomes of it."""

from typing import Annotated

from fastapi import Path, Query

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import Problem, not_found
from metering.api.routers import for_operators
from metering.api.shapes.operations import (
    MAX_LETTERS,
    DeadLetterShown,
    Dropped,
    LettersWanted,
    Replayed,
)
from metering.core.basics.errors import ConfigurationError
from metering.ports import DeadLetter

router = for_operators("dead letters")

#: Letters that pages go back over: beyond them, ask by code.
_MAX_LISTED = 2_000

LetterId = Annotated[str, Path(pattern=r"^[0-9a-f]{1,64}$", description="The beginning of an id.")]
Code = Annotated[str | None, Query(max_length=64, description="Only letters with this code.")]


@router.get("/dead-letters")
async def list_dead_letters(
    app: TheApp, code: Code = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[DeadLetterShown]:
    """List what was set aside, newest first."""
    seen = limit + 1 if cursor is None else _MAX_LISTED
    letters = await app.dead_letters.latest(seen, code)
    return page_of(
        sorted(letters, key=lambda letter: (-letter.received, letter.id)),
        lambda letter: (-letter.received, letter.id),
        DeadLetterShown.of,
        listed=f"dead letters {code}",
        cursor=cursor,
        limit=limit,
    )


@router.get("/dead-letters/counts")
async def count_dead_letters(app: TheApp) -> dict[str, int]:
    """Count what was set aside by code."""
    return await app.dead_letters.counts()


@router.get("/dead-letters/{letter_id}")
async def show_dead_letter(app: TheApp, letter_id: LetterId) -> DeadLetterShown:
    """Show one letter with the beginning of its body."""
    return DeadLetterShown.of(await _one(app, letter_id), whole=True)


@router.post("/dead-letters/replay")
async def replay_dead_letters(app: TheApp, caller: TheCaller, wish: LettersWanted) -> Replayed:
    """Send letters again: what can be counted now is. Doing it twice changes nothing."""
    letters = await _chosen(app, wish)
    asked = Change("dead_letters.replay", "dead-letters", _told(wish, letters))
    tally = await change(app, caller, asked, lambda: None, lambda: app.dead_letters.replay(letters))
    return Replayed.of(len(letters), tally)


@router.post("/dead-letters/drop")
async def drop_dead_letters(app: TheApp, caller: TheCaller, wish: LettersWanted) -> Dropped:
    """Forget letters without counting them."""
    letters = await _chosen(app, wish)
    asked = Change("dead_letters.drop", "dead-letters", _told(wish, letters))
    await change(app, caller, asked, lambda: None, lambda: app.dead_letters.drop(letters))
    return Dropped(letters=len(letters))


async def _chosen(app: bootstrap.App, wish: LettersWanted) -> list[DeadLetter]:
    if (wish.ids is not None) == wish.every:
        message = "give ids, or every (with code or without)"
        raise Problem(422, f"ids: {message}", errors=[{"field": "ids", "message": message}])
    if wish.ids is None:
        return await app.dead_letters.latest(MAX_LETTERS, wish.code)
    found = [await _one(app, prefix) for prefix in wish.ids]
    return list({letter.id: letter for letter in found}.values())


async def _one(app: bootstrap.App, prefix: str) -> DeadLetter:
    try:
        return await app.dead_letters.one(prefix)
    except ConfigurationError:
        raise not_found() from None


def _told(wish: LettersWanted, letters: list[DeadLetter]) -> dict[str, object]:
    return {**wish.model_dump(), "letters": [letter.id for letter in letters]}
