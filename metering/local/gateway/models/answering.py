"""The model: decides content and length of an answer by the prompt's seed, and nothing else.

Text is a sequence of words, one a token; a length is drawn by `lengths`. JSON, of a structured
answer or of a call's arguments, is drawn by `sampling` to fit its schema, four characters a token.
A model that is offered tools calls one, or with `parallel` in one of three cases two, unless the
conversation ends with a tool's result. A reasoning model spends a third as many tokens again on
reasoning. A limit ends an answer where it is reached, JSON too.
"""

import json
import re
from typing import Final

from metering.local.gateway.models.answer import Answer, Block, Choice, pieces_of
from metering.local.gateway.models.draws import Draws
from metering.local.gateway.models.lengths import length_of
from metering.local.gateway.models.request import ModelRequest, Tool
from metering.local.gateway.models.sampling import sample

_WORDS: Final = (
    *("the", "meter", "counts", "every", "token", "once", "and", "a", "ledger", "keeps"),
    *("what", "it", "cost", "so", "each", "tenant", "pays", "for", "its", "own"),
)
#: One in so many answers makes two calls where it may.
_PARALLEL_ONE_IN: Final = 3
_REASONING_SHARE: Final = 4


def answer(request: ModelRequest, *, reasons: bool = False) -> Answer:
    """Return what the model answers. Raises SchemaInvalid where nothing fits a schema."""
    return Answer(
        tuple(_choice(request, number, reasons=reasons) for number in range(request.choices))
    )


def _choice(request: ModelRequest, number: int, *, reasons: bool) -> Choice:
    draws = Draws(request.prompt.digest + bytes([number]))
    tools = _called(request, draws)
    if tools:
        choice = Choice(tuple(_call(tool, draws, request.choices) for tool in tools), "tool_calls")
    elif request.schema is not None:
        made = _json(request.schema, draws, request.choices)
        choice = Choice((Block(pieces_of(made)),))
    else:
        choice = Choice((Block(words(length_of(draws), draws)),))
    choice = _stopped(choice, request.stops) if not tools else choice
    return _limited(choice, request.max_output_tokens, reasons=reasons)


def words(count: int, draws: Draws) -> tuple[str, ...]:
    """Return the tokens of a text of so many words."""
    first = draws.randrange(len(_WORDS))
    return tuple(
        f"{' ' if number else ''}{_WORDS[(first + number) % len(_WORDS)]}"
        for number in range(count)
    )


def _called(request: ModelRequest, draws: Draws) -> list[Tool]:
    """Return the tools that this answer calls."""
    wanted = request.tool_choice
    tools = [tool for tool in request.tools if not wanted.names or tool.name in wanted.names]
    if not tools or wanted.mode == "none" or (wanted.mode == "auto" and request.has_result):
        return []
    asked = set(re.findall(r"\w+", request.asked.lower()))

    def mentions(tool: Tool) -> int:
        return len(asked & set(re.findall(r"[a-z0-9]+", tool.name.lower())))

    most = max(map(mentions, tools))
    best = [tool for tool in tools if mentions(tool) == most]
    first = draws.choice(best)
    is_double = wanted.parallel and draws.randrange(_PARALLEL_ONE_IN) == 0
    return [first, draws.choice(tools)] if is_double else [first]


def _call(tool: Tool, draws: Draws, choices: int) -> Block:
    if tool.schema is None:
        return Block(words(draws.randint(3, 12), draws), tool.name)
    return Block(pieces_of(_json(tool.schema, draws, choices)), tool.name)


def _json(schema: object, draws: Draws, choices: int) -> str:
    return json.dumps(sample(schema, draws, choices), ensure_ascii=False)


def _stopped(choice: Choice, stops: tuple[str, ...]) -> Choice:
    """Return the choice up to the first stop sequence in it."""
    (block,) = choice.blocks
    found = [(place, stop) for stop in stops if (place := block.text.find(stop)) >= 0]
    if not found:
        return choice
    place, stop = min(found)
    kept: list[str] = []
    for token in block.tokens:
        kept.append(token[:place])
        place -= len(token)
        if place <= 0:
            break
    tokens = tuple(token for token in kept if token)
    return Choice((Block(tokens),), "stop_sequence", stop)


def _limited(choice: Choice, limit: int | None, *, reasons: bool) -> Choice:
    """Return the choice with its reasoning, cut where both together reach the limit."""
    whole = choice.length + (choice.length // (_REASONING_SHARE - 1) if reasons else 0)
    kept = whole if limit is None else min(whole, limit)
    reasoning = kept // _REASONING_SHARE if reasons else 0
    if kept == whole:
        return choice._replace(reasoning=whole - choice.length)
    left = kept - reasoning
    blocks: list[Block] = []
    for block in choice.blocks:
        if left > 0:
            blocks.append(block._replace(tokens=block.tokens[:left]))
        left -= len(block.tokens)
    return Choice(tuple(blocks), "length", None, reasoning)
