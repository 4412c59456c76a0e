"""Pieces of batches: remembered until their batch has finished, a bounded number of them."""

import asyncio

import pytest

from metering.app.hubs.pieces import Pieces, each, name_of


def test_a_name_is_of_the_content_and_of_where_it_is_cut() -> None:
    assert name_of([b"ab", "c"]) == name_of([b"ab", b"c"])
    assert name_of([b"ab", b"c"]) != name_of([b"a", b"bc"])


def test_only_the_latest_pieces_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metering.app.hubs.pieces._REMEMBERED", 2)
    pieces = Pieces[int]()
    for number in range(3):
        pieces.keep(bytes([number]), number)
    assert [pieces.outcome(bytes([number])) for number in range(3)] == [None, 1, 2]
    pieces.forget([bytes([1]), bytes([7])])
    assert pieces.outcome(bytes([1])) is None


async def test_after_a_failure_what_has_begun_is_finished_and_nothing_else_begins() -> None:
    begun: list[int] = []
    finished: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(0)
        if number == 1:
            raise ValueError(number)
        await asyncio.sleep(0)
        finished.append(number)

    with pytest.raises(ValueError, match="1"):
        await each(range(10), work, 3)
    assert (begun, finished) == ([0, 1, 2], [0, 2])
