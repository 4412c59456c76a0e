"""Aliases: names that clients ask for in the place of a model, each with its targets."""

from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field, StringConstraints

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.validation import Strict, misplaced, validated
from metering.core.usage.event import MAX_NAME_LENGTH

#: A gateway tries one target after the other, so a longer list is a mistake.
MAX_TARGETS: Final = 20
#: Admission documents name aliases, and the gateway reads one for each request.
MAX_ALIASES: Final = 500

type _Name = Annotated[
    str, StringConstraints(pattern=r"^[!-~]+$", min_length=1, max_length=MAX_NAME_LENGTH)
]


def _distinct(targets: tuple[str, ...]) -> tuple[str, ...]:
    folded = [target.casefold() for target in targets]
    for number, target in enumerate(folded):
        first = folded.index(target)
        if first < number:
            raise misplaced((number,), f"is the same target as targets.{first}")
    return targets


class Alias(Strict):
    """One version of an alias."""

    alias: _Name
    targets: Annotated[
        tuple[_Name, ...], Field(max_length=MAX_TARGETS, strict=False), AfterValidator(_distinct)
    ]
    """Models, deployments, or deployments of one account (`account/name`), the first choice first.

    Empty: the name is an alias no longer.
    """

    @property
    def key(self) -> str:
        """The key in records: gateways take names without regard to case."""
        return self.alias.casefold()


class DatedAlias(NamedTuple):
    """An alias as a file states it."""

    alias: Alias
    start: str | None = None
    """When it begins, as the file writes it; None where it does not say."""


class _File(Strict):
    aliases: list[dict[str, object]]


def read_alias(source: str, content: object) -> Alias:
    """Return an alias from parsed YAML or JSON; ConfigurationError names file and field."""
    return validated(Alias, source, content)


def read_aliases(source: str, content: object) -> list[DatedAlias]:
    """Return the `aliases` of a file; ConfigurationError names the file and the field."""
    found = list[DatedAlias]()
    for number, said in enumerate(validated(_File, source, content).aliases):
        start = said.get("from")
        if start is not None and not isinstance(start, str):
            raise ConfigurationError(f"{source}: aliases.{number}.from: is not a quoted time")
        rest = {name: value for name, value in said.items() if name != "from"}
        found.append(DatedAlias(validated(Alias, f"{source}: aliases.{number}", rest), start))
    refuse_inconsistent(source, [one.alias for one in found])
    return found


def refuse_inconsistent(source: str, aliases: Sequence[Alias]) -> None:
    """Raise ConfigurationError if a file describes an alias twice, or an alias of an alias.

    That does not depend on the order in which a file has them.
    """
    seen: set[str] = set()
    for one in aliases:
        if one.key in seen:
            raise ConfigurationError(f"{source}: alias {one.alias!r} is described twice")
        seen.add(one.key)
    for one in aliases:
        for target in one.targets:
            if target.casefold() in seen - {one.key}:
                raise ConfigurationError(
                    f"{source}: alias {one.alias!r}: its target {target!r} is an alias itself: name"
                    " the targets of that one"
                )
