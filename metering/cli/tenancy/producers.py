"""`metering producers`: who reports usage over HTTP, and for which subjects and sources."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.auditing import changing
from metering.cli.options import since, with_app
from metering.cli.output import AsJson, print_table, show, stdout
from metering.core.basics.validation import validated
from metering.core.tenancy.producers import Binding
from metering.documents.producers import ProducerDocument

producers = typer.Typer(
    no_args_is_help=True,
    help="Producers of events over HTTP, and the subjects and sources each may speak for.",
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="The identity that the API signs in: app:<client id> or user:<object id>.",
        show_default=False,
    ),
]
Subjects = Annotated[
    list[str] | None,
    typer.Option("--subject", help="A subscription, or * for all. Repeatable."),
]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", help="A source, with all that is below it. Repeatable."),
]


@producers.command("set")
def set_producer(name: Name, subject: Subjects = None, source: Sources = None) -> None:
    """Let the producer NAME report for these subjects, under these sources, and for no others.

    It replaces what NAME could report before, within seconds. Without --subject and --source it can
    report nothing. The gateway's own sources, /apim/…, cannot be given to anybody. Events outside
    are refused (outside_binding), and the audit log has each batch with such events.

    Example:  metering producers set app:6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11 --subject sub-1
    --source /app/search
    """
    given = {"subjects": tuple(subject or ()), "sources": tuple(source or ())}
    binding = validated(Binding, f"producer {name}", given)
    done = changing(
        "producer.set",
        f"producer/{name}",
        {field: list(values) for field, values in given.items()},
        lambda app: app.tenancy.bind_producer(name, binding),
    )
    stdout().print(f"{name} is bound: {since(done)}", markup=False)


@producers.command("list")
def list_producers(as_json: AsJson = False) -> None:
    """List the producers that are bound.

    Example:  metering producers list
    """

    async def read(app: bootstrap.App) -> list[ProducerDocument]:
        await app.tenancy.refresh()
        found = app.tenancy.directory.producers.all()
        return [ProducerDocument.of(name, binding) for name, binding in found.items()]

    found = with_app(read)
    show(found, lambda: _print(found), as_json=as_json)


def _print(found: list[ProducerDocument]) -> None:
    rows = [
        [one.producer, ", ".join(one.subjects) or "none", ", ".join(one.sources) or "none"]
        for one in found
    ]
    print_table("Producers", ["producer", "subjects", "sources"], rows, left=3)
