"""Azure's families of meters, and the models they are: as responses name them. Pure data.

A family is what `azure_meters` leaves of a meter's name. Only families that can be one model alone
stand here; a name without a date means the version that Azure served under it.
"""

from typing import Final, Literal, NamedTuple

Kind = Literal["text", "completion", "embeddings", "audio", "realtime", "image"]

#: The kinds of token that a model's meters tell apart.
KINDS: Final[dict[Kind, frozenset[str]]] = {
    "text": frozenset({"text"}),
    # One price for every token, whether read or written.
    "completion": frozenset({"text"}),
    "embeddings": frozenset({"text", "image"}),
    "audio": frozenset({"text", "audio"}),
    "realtime": frozenset({"text", "audio", "image"}),
    "image": frozenset({"text", "image"}),
}

#: Prompts longer than this are billed whole on the long-context meters (Azure's pricing page).
LONG_CONTEXT_TOKENS: Final = 272_000


class Model(NamedTuple):
    """A model as responses name it, the other names it goes by, and what its tokens are."""

    name: str
    aliases: tuple[str, ...]
    provider: str
    kind: Kind = "text"
    long_context_tokens: int = LONG_CONTEXT_TOKENS


def _dated(kind: Kind, *lines: str) -> dict[str, Model]:
    """Read lines of `family: model alias ...`; an alias that starts with a dash is a suffix."""
    models: dict[str, Model] = {}
    for line in lines:
        family, _, names = line.partition(": ")
        name, *aliases = names.split()
        full = tuple(name + alias if alias.startswith("-") else alias for alias in aliases)
        models[family] = Model(name, full, "openai", kind)
    return models


_OPENAI: Final = {
    **_dated(
        "text",
        "35 turbo 16k 0125: gpt-35-turbo -0125 gpt-3.5-turbo gpt-3.5-turbo-0125",
        "35 turbo16k 0125: gpt-35-turbo -0125 gpt-3.5-turbo gpt-3.5-turbo-0125",
        "35 trb16k 125: gpt-35-turbo -0125 gpt-3.5-turbo gpt-3.5-turbo-0125",
        "35 turbo 16k 1106: gpt-35-turbo-1106 gpt-3.5-turbo-1106",
        "35 turbo16k 1106: gpt-35-turbo-1106 gpt-3.5-turbo-1106",
        "35 turbo 4k: gpt-35-turbo-0613 gpt-3.5-turbo-0613",
        "35 turbo4k: gpt-35-turbo-0613 gpt-3.5-turbo-0613",
        "35 turbo 16k: gpt-35-turbo-16k -0613 gpt-3.5-turbo-16k gpt-3.5-turbo-16k-0613",
        "35 turbo16k: gpt-35-turbo-16k -0613 gpt-3.5-turbo-16k gpt-3.5-turbo-16k-0613",
        "35 turbo instruct: gpt-35-turbo-instruct -0914 gpt-3.5-turbo-instruct"
        " gpt-3.5-turbo-instruct-0914",
        "4 8k: gpt-4 -0314 -0613",
        "4 32k: gpt-4-32k -0314 -0613",
        "4 turbo 128k: gpt-4-turbo -2024-04-09 gpt-4-1106-preview gpt-4-0125-preview",
        "4 turbo128k: gpt-4-turbo -2024-04-09 gpt-4-1106-preview gpt-4-0125-preview",
        "4 turbo vision 128k: gpt-4-vision-preview gpt-4-1106-vision-preview",
        "4.1: gpt-4.1 -2025-04-14",
        "4.1 mini: gpt-4.1-mini -2025-04-14",
        "4.1 nano: gpt-4.1-nano -2025-04-14",
        "4.5 0227: gpt-4.5-preview -2025-02-27",
        "4o 0513: gpt-4o-2024-05-13",
        "4o 0806: gpt-4o-2024-08-06",
        "4o 1120: gpt-4o -2024-11-20",
        "4o mini 0718: gpt-4o-mini -2024-07-18",
        "computer use: computer-use-preview -2025-03-11",
        "codex mini: codex-mini -2025-05-16",
        "o1 1217: o1 -2024-12-17",
        "o1 mini: o1-mini -2024-09-12",
        "o1 preview: o1-preview -2024-09-12",
        "o1 pro: o1-pro -2025-03-19",
        "o3 0416: o3 -2025-04-16",
        "o3 mini 0131: o3-mini -2025-01-31",
        "o3 pro: o3-pro -2025-06-10",
        "o3 deep research 0626: o3-deep-research -2025-06-26",
        "o4 mini 0416: o4-mini -2025-04-16",
        "5: gpt-5 -2025-08-07",
        "5 mini: gpt-5-mini -2025-08-07",
        "5 nano: gpt-5-nano -2025-08-07",
        "5 chat: gpt-5-chat -2025-08-07 -2025-10-03",
        "5 codex: gpt-5-codex -2025-09-15",
        "5 pro: gpt-5-pro -2025-10-06",
        "5.1: gpt-5.1 -2025-11-13",
        "5.1 chat: gpt-5.1-chat -2025-11-13",
        "5.1 codex: gpt-5.1-codex -2025-11-13",
        "5.1 codex max: gpt-5.1-codex-max -2025-12-04",
        "5.1 codex mini: gpt-5.1-codex-mini -2025-11-13",
        "5.2: gpt-5.2 -2025-12-11",
        "5.2 chat: gpt-5.2-chat -2025-12-11",
        "5.2 chat 0210: gpt-5.2-chat-2026-02-10",
        "5.2 codex: gpt-5.2-codex -2026-01-14",
        "5.2 pro: gpt-5.2-pro -2025-12-11",
        "5.3 chat: gpt-5.3-chat -2026-03-03",
        "5.3 codex: gpt-5.3-codex -2026-02-24",
        "5.4: gpt-5.4 -2026-03-05",
        "5.4 mini: gpt-5.4-mini -2026-03-17",
        "5.4 nano: gpt-5.4-nano -2026-03-17",
        "5.4 pro: gpt-5.4-pro -2026-03-05",
        "5.5: gpt-5.5 -2026-04-24",
        "5.6 sol: gpt-5.6-sol -2026-07-09",
        "5.6 terra: gpt-5.6-terra -2026-07-09",
        "5.6 luna: gpt-5.6-luna -2026-07-09",
        "chat latest 05052026: gpt-chat-latest -2026-05-05",
        "chat latest 05282026: gpt-chat-latest-2026-05-28",
        "oss 120b: gpt-oss-120b",
    ),
    **_dated("completion", "babbage 002 base: babbage-002", "davinci 002 base: davinci-002"),
    **_dated(
        "embeddings",
        "embedding ada: text-embedding-ada-002 -v2",
        "textembedding 3 small: text-embedding-3-small",
        "textembedding 3 large: text-embedding-3-large",
    ),
    **_dated(
        "audio",
        "4o 1217: gpt-4o-audio-preview -2024-12-17",
        "4o 0603: gpt-4o-audio-preview-2025-06-03",
        "4omini 1217: gpt-4o-mini-audio-preview -2024-12-17",
        "0828: gpt-audio -2025-08-28",
        "1.5: gpt-audio-1.5",
        "mini: gpt-audio-mini -2025-10-06",
        "mn 1215: gpt-audio-mini-2025-12-15",
        "4o transcribe: gpt-4o-transcribe -2025-03-20",
        "4o mini transcribe: gpt-4o-mini-transcribe -2025-03-20",
        "4o mn trscb 1215: gpt-4o-mini-transcribe-2025-12-15",
        "4o tcrb d: gpt-4o-transcribe-diarize -2025-10-15",
        "4o mini tts: gpt-4o-mini-tts -2025-03-20",
        "4o mn tts 1215: gpt-4o-mini-tts-2025-12-15",
    ),
    **_dated(
        "realtime",
        "4o realtime prvw: gpt-4o-realtime-preview-2024-10-01",
        "4o realtime: gpt-4o-realtime-preview-2024-10-01",
        "4o rtime: gpt-4o-realtime-preview-2024-10-01",
        "4o rt 1217: gpt-4o-realtime-preview -2024-12-17",
        "4o rt 0603: gpt-4o-realtime-preview-2025-06-03",
        "4omini rt 1217: gpt-4o-mini-realtime-preview -2024-12-17",
        "rt 0828: gpt-realtime -2025-08-28",
        "rt 1.5: gpt-realtime-1.5",
        "rt mini: gpt-realtime-mini -2025-10-06",
        "rt mn 1215: gpt-realtime-mini-2025-12-15",
        "realtime 2: gpt-realtime-2",
        "realtime 2.1: gpt-realtime-2.1",
        "realtime 2.1 mini: gpt-realtime-2.1-mini",
    ),
    **_dated(
        "image",
        "image1: gpt-image-1 -2025-04-15",
        "image1 mini: gpt-image-1-mini -2025-10-06",
        "image1.5: gpt-image-1.5 -2025-12-16",
        "image2: gpt-image-2 -2026-04-21",
    ),
}
_DEEPSEEK: Final = {
    "r1": Model("DeepSeek-R1", (), "deepseek"),
    "v3": Model("DeepSeek-V3", (), "deepseek"),
    "v3 0324": Model("DeepSeek-V3-0324", (), "deepseek"),
    "v3.1": Model("DeepSeek-V3.1", (), "deepseek"),
    "v3.2": Model("DeepSeek-V3.2", (), "deepseek"),
    "v3.2 sp": Model("DeepSeek-V3.2-Speciale", (), "deepseek"),
    "v4 flash": Model("DeepSeek-V4-Flash", (), "deepseek"),
    "v4 pro": Model("DeepSeek-V4-Pro", (), "deepseek"),
    "mai ds r1": Model("MAI-DS-R1", (), "microsoft"),
}
_FIREWORKS: Final = {
    family: Model(f"FW-{name}", (), "fireworks")
    for family, name in {
        "fw deep seek v3.2": "DeepSeek-V3.2",
        "fw deep seek v4 pro": "DeepSeek-V4-Pro",
        "fw glm 5": "GLM-5",
        "fw glm 5.1": "GLM-5.1",
        "fw glm 5.2": "GLM-5.2",
        "fw kimi k2.5": "Kimi-K2.5",
        "fw kimi k2.6": "Kimi-K2.6",
        "fw kimi k2.7 code": "Kimi-K2.7-Code",
        "fw mini max m2.5": "MiniMax-M2.5",
        "fw mini max 3": "MiniMax-M3",
        "fw oss 120b": "GPT-OSS-120B",
    }.items()
}
_GROK: Final = {
    "grok 3": Model("grok-3", (), "xai"),
    "grok 3 mini": Model("grok-3-mini", (), "xai"),
    "grok 4": Model("grok-4", (), "xai"),
    "grok4 fast": Model("grok-4-fast-reasoning", ("grok-4-fast-non-reasoning",), "xai"),
    "grok 4.1": Model("grok-4-1-fast-reasoning", ("grok-4-1-fast-non-reasoning",), "xai"),
    "grok 4.2": Model("grok-4-20-reasoning", ("grok-4-20-non-reasoning",), "xai"),
    # xAI's long context begins at 200,000 tokens, that number included (docs.x.ai/docs/models).
    "4.3": Model("grok-4.3", (), "xai", long_context_tokens=199_999),
    "code fast 1": Model("grok-code-fast-1", (), "xai"),
}
_KIMI: Final = {
    "k2 thinking": Model("Kimi-K2-Thinking", (), "moonshotai"),
    "k2.5": Model("Kimi-K2.5", (), "moonshotai"),
    "k2.5 thinking": Model("Kimi-K2.5", (), "moonshotai"),
    "k2.6": Model("Kimi-K2.6", (), "moonshotai"),
    "k2.6 thinking": Model("Kimi-K2.6", (), "moonshotai"),
    "k2.7 code": Model("Kimi-K2.7-Code", (), "moonshotai"),
}
_META: Final = {
    "llama 3.3 70b": Model("Llama-3.3-70B-Instruct", (), "meta"),
    "llama 4 maverick 17b": Model("Llama-4-Maverick-17B-128E-Instruct-FP8", (), "meta"),
}
_MISTRAL: Final = {
    "large 3": Model("Mistral-Large-3", (), "mistral"),
    "codestral": Model("Codestral-2501", (), "mistral"),
    "mm3.5": Model("mistral-medium-3-5", (), "mistral"),
}
_COHERE: Final = {
    "command a": Model("Cohere-command-a", (), "cohere"),
    "command a plus": Model("Cohere-command-a-plus-05-2026", ("Cohere-command-a-plus",), "cohere"),
    "embed v4": Model("embed-v-4-0", (), "cohere", "embeddings"),
}

MODELS: Final[tuple[tuple[str, dict[str, Model]], ...]] = (
    ("Azure OpenAI", _OPENAI),
    ("Azure Deepseek Models", _DEEPSEEK),
    ("Azure Fireworks Models", _FIREWORKS),
    ("Azure Grok Models", _GROK),
    ("Azure Kimi", _KIMI),
    ("Azure Llama Models", _META),
    ("Azure Mistral Models", _MISTRAL),
    ("Cohere Models", _COHERE),
)
"""Families by the beginning of the product's name."""

#: Families whose fine-tuned meters leave out the date.
TUNED_FAMILIES: Final = {"o4 mini": "o4 mini 0416"}
