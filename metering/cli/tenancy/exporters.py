"""`metering exporters`: systems that push telemetry, and their keys."""

from typing import Annotated, Literal

import typer

from metering import bootstrap
from metering.app.tenancy import exporter_keys
from metering.cli.auditing import changing
from metering.cli.options import since, with_app
from metering.cli.output import AsJson, print_table, show, stdout
from metering.core.basics.instants import HOUR
from metering.documents.exporters import ExporterDocument, NewKeyDocument

exporters = typer.Typer(
    no_args_is_help=True,
    help="Systems that push telemetry (OTLP), what each reports, and their keys.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="For example ai-gateway.")]


@exporters.command("set")
def set_exporter(
    name: Name,
    reports: Annotated[
        Literal["aggregates", "requests"] | None,
        typer.Option(help="What its telemetry counts as. Default: aggregates, or as it is."),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option(help="app:<client id> of Entra, to sign in with instead of a key."),
    ] = None,
) -> None:
    """Let the exporter NAME push telemetry to /otlp. It still needs a key, or an identity.

    Aggregates are the metrics of a gateway that counts itself, such as the AI Gateway. Requests are
    spans of single calls (gen_ai.*). One exporter reports one of the two: both are the same
    traffic.

    Example:  metering exporters set ai-gateway
    """
    given = {"reports": reports, "identity": identity}
    done = changing(
        "exporter.set",
        f"exporter/{name}",
        given,
        lambda app: app.tenancy.set_exporter(name, reports=reports, identity=identity),
    )
    stdout().print(f"{name} may push telemetry: {since(done)}", markup=False)


@exporters.command("rotate")
def rotate(
    name: Name,
    overlap: Annotated[
        int, typer.Option(help="Hours for which the former key stays valid.", min=0, max=720)
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Give the exporter NAME a new key and print it. It is shown once: only its hash is kept.

    Example:  metering exporters rotate ai-gateway --overlap 24
    """
    given = changing(
        "exporter.rotate",
        f"exporter/{name}",
        {"overlap_hours": overlap},
        lambda app: exporter_keys.rotate(app.tenancy, name, overlap * HOUR),
    )
    made = NewKeyDocument.made(name, *given)
    show(made, lambda: _print_key(made), as_json=as_json)


@exporters.command("revoke")
def revoke(name: Name) -> None:
    """Let no key of the exporter NAME be valid any longer, within seconds.

    Example:  metering exporters revoke ai-gateway
    """
    done = changing(
        "exporter.revoke",
        f"exporter/{name}",
        {},
        lambda app: app.tenancy.revoke_exporter_keys(name),
    )
    stdout().print(f"all keys of {name} are revoked: {since(done)}", markup=False)


@exporters.command("list")
def list_exporters(as_json: AsJson = False) -> None:
    """List the exporters, what they report, and the hashes of their keys.

    Example:  metering exporters list
    """

    async def read(app: bootstrap.App) -> list[ExporterDocument]:
        await app.tenancy.refresh()
        found = app.tenancy.directory.exporters.all()
        return [ExporterDocument.of(name, one) for name, one in found.items()]

    found = with_app(read)
    show(found, lambda: _print(found), as_json=as_json)


def _print_key(made: NewKeyDocument) -> None:
    out = stdout()
    out.print(f"{made.header}: {made.key}", markup=False, soft_wrap=True)
    ends = f"; the former key is valid until {made.former_until}" if made.former_until else ""
    out.print(f"Shown once; its hash begins with {made.hash}{ends}", markup=False)


def _print(found: list[ExporterDocument]) -> None:
    rows = [
        [
            one.exporter,
            one.reports,
            one.identity or "none",
            ", ".join(_key(key.hash, key.until) for key in one.keys) or "none",
        ]
        for one in found
    ]
    print_table("Exporters", ["exporter", "reports", "identity", "keys"], rows, left=4)


def _key(digest: str, until: str | None) -> str:
    return digest if until is None else f"{digest} until {until}"
