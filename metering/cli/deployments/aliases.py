"""`metering aliases`: names that clients ask for in the place of models."""

from pathlib import Path
from typing import Annotated

import typer

from metering import bootstrap
from metering.adapters.bicep_parameters import read_bicep_parameters
from metering.adapters.files import read_structured
from metering.app.deployments.aliases import DeclaredAlias, ShownAlias
from metering.cli.auditing import changing
from metering.cli.options import day_or_instant, from_start, since, with_app
from metering.cli.output import AsJson, print_table, show, stdout
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.validation import validated
from metering.core.deployments.alias import Alias, read_aliases
from metering.core.deployments.backend_contract import aliases_in, is_contract
from metering.documents.aliases import AliasDocument, ImportedAlias

aliases = typer.Typer(
    no_args_is_help=True,
    help="Aliases: names that clients ask for in the place of models, with their targets.",
)

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="When it begins: a time, or a UTC day. Default: in five minutes; a new alias holds"
        " from the beginning.",
    ),
]
Supersede = Annotated[
    bool,
    typer.Option(
        "--supersede",
        help="Allow a change that begins in the past. `metering prices rerate --apply` then"
        " corrects what was rated by it.",
    ),
]


@aliases.command("set")
def set_alias(
    name: Annotated[str, typer.Argument(metavar="ALIAS", help="The name that clients ask for.")],
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="A model, a deployment, or account/deployment; the first choice first."
            " Repeatable.",
        ),
    ] = None,
    retire: Annotated[
        bool, typer.Option("--retire", help="The name is an alias no longer.")
    ] = False,
    effective: From = None,
    supersede: Supersede = False,
) -> None:
    """Let ALIAS stand for its targets. It replaces the targets that it had.

    A request is rated by the model that served it. Where no response says which, by the model of
    the deployment; where no record has that, by the one target of the alias. An alias leads to
    models and deployments, never to another alias.

    Example:  metering aliases set smart --target gpt-4o --target claude-sonnet-4
    """
    if retire == bool(target):
        raise typer.BadParameter("give --target at least once, or --retire")
    given = {"alias": name, "targets": tuple(target or ())}
    alias = validated(Alias, f"alias {name!r}", given)
    start = day_or_instant(effective, "--from")
    done = changing(
        "alias.set",
        f"alias/{alias.key}",
        {"targets": list(alias.targets), "from": effective, "supersede": supersede},
        lambda app: app.tenancy.set_alias(alias, start, supersede=supersede),
    )
    stdout().print(f"alias {alias.alias}: {since(done)}", markup=False)


@aliases.command("list")
def list_aliases(as_json: AsJson = False) -> None:
    """List aliases, the models that they lead to, and what is scheduled.

    Example:  metering aliases list
    """
    found = with_app(lambda app: app.aliases.listed())
    documents = [AliasDocument.of(one) for one in found]
    show(documents, lambda: _print(found), as_json=as_json)


@aliases.command("import")
def import_aliases(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="YAML or JSON with `aliases`, or a Citadel backend contract: .bicepparam, or JSON"
            " with `modelAliases`.",
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the result, record nothing.")
    ] = False,
    effective: From = None,
    supersede: Supersede = False,
    as_json: AsJson = False,
) -> None:
    """Declare the aliases in FILE. Safe to repeat; if one is refused, none is recorded.

    In a file of aliases each has `alias`, `targets` and, if wanted, `from`. Of a backend contract
    the order of the models counts, and strategies and weights do not: the served model is rated.

    Example:  metering aliases import llm-backends.bicepparam --dry-run
    """
    start = day_or_instant(effective, "--from")
    read = [(alias, start if at is None else at) for alias, at in _read(file)]

    async def work(app: bootstrap.App) -> list[DeclaredAlias]:
        declared = await app.aliases.compare(read, supersede=supersede)
        return declared if dry_run else await app.aliases.record(declared, supersede=supersede)

    wanted = {"file": str(file), "from": effective, "supersede": supersede}
    done = with_app(work) if dry_run else changing("aliases.import", "aliases", wanted, work)
    found = [ImportedAlias.of(one, dry_run=dry_run) for one in done]
    show(found, lambda: _print_imported(done, found), as_json=as_json)


def _read(file: Path) -> list[tuple[Alias, Instant | None]]:
    """Return the aliases of a file, each with the start that it states."""
    if file.suffix == ".bicepparam":
        return [(one, None) for one in aliases_in(str(file), read_bicep_parameters(file))]
    content = read_structured(file)
    if is_contract(content):
        return [(one, None) for one in aliases_in(str(file), content)]
    return [
        (one.alias, day_or_instant(one.start, f"aliases.{number}.from"))
        for number, one in enumerate(read_aliases(str(file), content))
    ]


def _print(found: list[ShownAlias]) -> None:
    rows = [
        [
            one.listed.alias.alias,
            ", ".join(one.listed.alias.targets) or "-",
            ", ".join(dict.fromkeys(goal.model for goal in one.goals)) or "-",
            _scheduled(one),
            _notes(one),
        ]
        for one in found
    ]
    columns = ["alias", "targets", "models", "scheduled", "notes"]
    print_table("Aliases", columns, rows, left=len(columns))


def _scheduled(one: ShownAlias) -> str:
    changes = [
        f"{format_instant(start)}: {', '.join(version.targets) or 'retired'}"
        for start, version in one.listed.scheduled
    ]
    return "; ".join(changes) or "-"


def _notes(one: ShownAlias) -> str:
    notes = [f"{name} is no known model or deployment" for name in one.unknown]
    if not one.listed.is_in_force:
        notes.append("not yet in force")
    if one.is_model:
        notes.append("also the name of a model: its limits hold too")
    return "; ".join(notes) or "-"


def _print_imported(done: list[DeclaredAlias], found: list[ImportedAlias]) -> None:
    rows = [
        [
            one.alias,
            ", ".join(one.targets),
            one.result,
            "-" if declared.holds_from is None else from_start(declared.holds_from),
        ]
        for declared, one in zip(done, found, strict=True)
    ]
    columns = ["alias", "targets", "result", "holds"]
    print_table("Aliases", columns, rows, left=len(columns))
