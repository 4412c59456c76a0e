"""A request to a model, independent of any API's format."""

from typing import Any, Final, Literal, NamedTuple

from metering.local.gateway.models.counting import Prompt

type Schema = dict[str, Any] | bool

#: More are refused, as OpenAI does (chat completions reference, 2026-11).
MAX_CHOICES: Final = 128
MAX_TOOLS: Final = 128


class Tool(NamedTuple):
    """A function that the client runs; `schema` None: its input is plain text."""

    name: str
    schema: Schema | None


class ToolChoice(NamedTuple):
    """Whether tools are called; with `names`, only these."""

    mode: Literal["auto", "required", "none"] = "auto"
    names: frozenset[str] = frozenset()
    parallel: bool = True
    """Whether one answer may call more than one."""


class ModelRequest(NamedTuple):
    """A prompt with everything that bounds the answer."""

    prompt: Prompt
    max_output_tokens: int | None = None
    choices: int = 1
    stops: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    has_result: bool = False
    """Whether the conversation ends with the result of a tool: then the model answers in text."""
    schema: Schema | None = None
    """The answer is JSON that fits it."""
    thinks: bool = False
    """Whether the client asks a model to reason that otherwise does not."""
    seconds: float = 0
    """The length of the sound to transcribe."""
    image_tokens: int = 0
    """The tokens of each image to make."""
    asked: str = ""
    """The last text of the conversation; a tool whose name it mentions is called first."""
