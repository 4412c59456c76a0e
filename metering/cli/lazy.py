"""Groups of commands that import a command when it is called: each pays for what it uses."""

import gc
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from typer._click.core import Command, Context, Parameter
    from typer._click.formatting import HelpFormatter
    from typer._click.shell_completion import CompletionItem


class Place(NamedTuple):
    """The place of a command's code, and its line in the help of its group."""

    target: str
    """A function, a Typer or a LazyGroup: `metering.cli.prices.quote:quote`."""
    summary: str
    """The first paragraph of its own help; a test compares the two."""


type Section = Mapping[str, Place]
"""The commands under one heading of the help, by name."""


class Group(TyperGroup):
    """A group whose help shows the whole summary of each command."""

    def sections(self) -> Mapping[str, Mapping[str, str]]:
        """Return the summaries of the commands, by heading and name."""
        return {"Commands": {name: summary(one) for name, one in self.commands.items()}}

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:  # noqa: ARG002, the signature of the base
        """Write the names and summaries of the commands, by heading."""
        for heading, summaries in self.sections().items():
            with formatter.section(heading):
                formatter.write_dl(list(summaries.items()))


class LazyGroup(Group):
    """A group that imports a command's module when that command is called."""

    def __init__(
        self,
        name: str,
        help: str,  # noqa: A002, as typer calls it
        sections: Mapping[str, Section],
        options: Callable[..., None] | None = None,
    ) -> None:
        """`options`: declares the options of the whole command line, beside those of completion."""
        super().__init__(
            name=name,
            help=help,
            params=[] if options is None else _params(options),
            commands={},
            rich_markup_mode=None,
            no_args_is_help=True,
            context_settings={"help_option_names": ["-h", "--help"]},
        )
        self._sections = sections
        self.commands = _Commands(sections)

    def sections(self) -> Mapping[str, Mapping[str, str]]:
        """Return the summaries as declared, without importing any command."""
        return {
            heading: {name: place.summary for name, place in places.items()}
            for heading, places in self._sections.items()
        }

    def shell_complete(self, ctx: "Context", incomplete: str) -> "list[CompletionItem]":
        """Return the commands that begin so, with their summaries, without importing any."""
        from typer._click.shell_completion import CompletionItem  # noqa: PLC0415, only for a shell

        found = [
            CompletionItem(name, help=said)
            for summaries in self.sections().values()
            for name, said in summaries.items()
            if name.startswith(incomplete)
        ]
        return found or super().shell_complete(ctx, incomplete)

    def list_commands(self, ctx: "Context") -> list[str]:  # noqa: ARG002, the signature of the base
        """Return the names of the commands, without importing any."""
        return list(self.commands)


class _Commands(MutableMapping[str, "Command"]):
    """Commands by name, each imported when it is asked for."""

    def __init__(self, sections: Mapping[str, Section]) -> None:
        self._places: Final = {
            name: place for places in sections.values() for name, place in places.items()
        }
        self._loaded: Final[dict[str, Command]] = {}

    def __getitem__(self, name: str) -> "Command":
        if name not in self._loaded:
            self._loaded[name] = _load(name, self._places[name].target)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __setitem__(self, name: str, command: "Command") -> NoReturn:
        raise TypeError(f"declare {name!r} in the sections of its group")

    def __delitem__(self, name: str) -> NoReturn:
        raise TypeError(f"remove {name!r} from the sections of its group")


def summary(command: "Command") -> str:
    """Return the first paragraph of a command's help, on one line."""
    first, _, _ = (command.help or "").partition("\n\n")
    return " ".join(first.split())


def _params(options: Callable[..., None]) -> "list[Parameter]":
    """Return the parameters of a function as options, and typer's own for shell completion."""
    host = typer.Typer(add_completion=True, rich_markup_mode=None)
    host.callback()(options)
    host.command()(lambda: None)
    return get_command(host).params


def _load(name: str, target: str) -> "Command":
    module, _, attribute = target.partition(":")
    with _no_garbage():
        found = getattr(import_module(module), attribute)
    if isinstance(found, LazyGroup):
        return found
    # typer makes commands out of functions only as part of a group.
    host = typer.Typer(add_completion=False, rich_markup_mode=None)
    host.callback()(lambda: None)
    if isinstance(found, typer.Typer):
        host.add_typer(found, name=name, cls=Group)
    else:
        host.command(name)(found)
    made = get_command(host)
    assert isinstance(made, TyperGroup)
    return made.commands[name]


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Let the garbage collector rest while modules are imported: none of them goes away again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
