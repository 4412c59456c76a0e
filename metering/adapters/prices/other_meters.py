"""Azure's meters of anything but tokens: seconds, characters, images, calls, hours. Pure data."""

import re
from decimal import Decimal
from typing import Final, NamedTuple

_HOUR_S: Final = Decimal(3600)


class OtherMeter(NamedTuple):
    """A meter, by the name under which usage of it is counted."""

    name: str
    aliases: tuple[str, ...]
    provider: str
    deployment_type: str
    unit: str
    size: Decimal
    """The number of `unit` that the published price covers."""


_TYPES: Final = {
    "glbl": "global",
    "global": "global",
    "datazone": "data_zone",
    "dz": "data_zone",
    "regnl": "regional",
    "rgnl": "regional",
    "regional": "regional",
}

#: Name pattern, unit of the feed; then meter, aliases, provider, unit, and its size. `{n}` is a
#: group of the pattern in lower case.
_METERS: Final = (
    (
        r"Speech-to-Text-Batch-Whisper-(?P<type>glbl|regnl) Unit",
        "1 Hour",
        ("whisper", ("whisper-001", "whisper-1"), "openai", "second", _HOUR_S),
    ),
    (
        r"Speech-Text to Speech-(?P<type>global|Regional) Characters",
        "1M",
        ("tts", ("tts-001", "tts-1"), "openai", "million characters", Decimal(1)),
    ),
    (
        r"Speech-Text to Speech HD-(?P<type>global|Regional) Characters",
        "1M",
        ("tts-hd", ("tts-hd-001", "tts-1-hd"), "openai", "million characters", Decimal(1)),
    ),
    (
        r"Image-DALL-E-2-(?P<type>glbl|regnl) Images",
        "100",
        ("dall-e-2", (), "openai", "image", Decimal(100)),
    ),
    (
        r"Image-Dall-E-3 (Std|HD) (LowRes|HighRes)-(?P<type>glbl|regnl)(?: EP)? Images",
        "100",
        ("dall-e-3/{1}-{2}", (), "openai", "image", Decimal(100)),
    ),
    (
        r"file-search-tool-calls-(?P<type>glbl|datazone|rgnl) Calls",
        "1K",
        ("file_search_call", (), "microsoft", "call", Decimal(1000)),
    ),
    (
        r"Code-Interpreter-(?P<type>global|regnl)(?: EP)? Session",
        "1",
        ("code_interpreter_session", (), "microsoft", "session", Decimal(1)),
    ),
    (
        r"Rerank v4 (Pro|Fast) (?P<type>Glbl|DZ) Search",
        "1K",
        ("Cohere-rerank-v4.0-{1}", (), "cohere", "search", Decimal(1000)),
    ),
    (
        r"(?:gpt-)?(.+?)[- ]ft hosting (?P<type>global|Dz|regional) Unit",
        "1 Hour",
        ("{1}.ft/hosting", (), "openai", "hour", Decimal(1)),
    ),
)
_READ: Final = tuple((re.compile(name), unit, said) for name, unit, said in _METERS)


def _named(name: str) -> str:
    """Return a name as responses carry it: the feed calls `gpt-4.1` just `4.1`."""
    return f"gpt-{name}" if name[0].isdigit() else name


def other_meter(name: str, unit: str) -> OtherMeter | None:
    """Return the meter of that name and unit in the feed; None for one of tokens or unknown."""
    for pattern, wanted, (meter, aliases, provider, of, size) in _READ:
        found = pattern.fullmatch(name.strip()) if unit == wanted else None
        if found is not None:
            groups = [group and group.lower().replace(" ", "-") for group in found.groups()]
            named = _named(meter.format(name, *groups))
            type_ = _TYPES[found["type"].lower()]
            return OtherMeter(named, aliases, provider, type_, of, size)
    return None
