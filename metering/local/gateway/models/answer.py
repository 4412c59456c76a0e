"""A model's answer, before any API gives it a format."""

from itertools import batched
from typing import Final, Literal, NamedTuple

from metering.local.gateway.models.counting import CHARACTERS

type Ending = Literal["stop", "length", "tool_calls", "stop_sequence"]


class Block(NamedTuple):
    """A part of a choice: a text, or with `tool` the call of a tool with its arguments as JSON."""

    tokens: tuple[str, ...]
    """Each as it is streamed; together they are the text."""
    tool: str = ""

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.tokens)


class Choice(NamedTuple):
    """One answer to the prompt."""

    blocks: tuple[Block, ...]
    ending: Ending = "stop"
    stop_sequence: str | None = None
    """The stop sequence that ended it; it is not in the text."""
    reasoning: int = 0
    """Tokens that were spent before the answer and are not shown."""

    @property
    def length(self) -> int:
        """The tokens that the client sees."""
        return sum(len(block.tokens) for block in self.blocks)

    @property
    def text(self) -> str:
        """The text of the blocks that are no calls."""
        return "".join(block.text for block in self.blocks if not block.tool)

    @property
    def calls(self) -> tuple[Block, ...]:
        """The calls of tools."""
        return tuple(block for block in self.blocks if block.tool)


class Answer(NamedTuple):
    """The choices of an answer; most requests ask for one."""

    choices: tuple[Choice, ...]

    @property
    def output(self) -> int:
        """The tokens of all choices that the client sees."""
        return sum(choice.length for choice in self.choices)

    @property
    def reasoning(self) -> int:
        """The tokens of all choices that the client does not see."""
        return sum(choice.reasoning for choice in self.choices)


NOTHING: Final = Answer(())


def pieces_of(text: str) -> tuple[str, ...]:
    """Return a text as tokens of four characters, such as those of JSON."""
    return tuple("".join(part) for part in batched(text, CHARACTERS, strict=False))
