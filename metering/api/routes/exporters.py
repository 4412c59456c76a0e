"""Exporters: operators say what each reports, and give it keys."""

from typing import Annotated

from fastapi import Path, Query

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import not_found
from metering.api.routers import for_operators
from metering.app.tenancy import exporter_keys
from metering.core.basics.instants import HOUR
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.documents.exporters import ExporterDocument, ExporterRequest, NewKeyDocument

router = for_operators("exporters")

Name = Annotated[str, Path(pattern=IDENTIFIER_SCHEMA, description="An exporter's name.")]


@router.get("/exporters")
async def list_exporters(
    app: TheApp, limit: Limit = 50, cursor: Cursor = None
) -> Page[ExporterDocument]:
    """List the exporters of telemetry."""
    await app.tenancy.refresh()
    found = app.tenancy.directory.exporters.all()
    return page_of(
        [ExporterDocument.of(name, one) for name, one in found.items()],
        lambda one: (one.exporter,),
        lambda one: one,
        listed="exporters",
        cursor=cursor,
        limit=limit,
    )


@router.put("/exporters/{exporter}")
async def set_exporter(
    app: TheApp, caller: TheCaller, exporter: Name, body: ExporterRequest
) -> ExporterDocument:
    """Let an exporter push telemetry; what is not given stays as it is."""
    await app.tenancy.refresh()
    await change(
        app,
        caller,
        Change("exporter.set", f"exporter/{exporter}", body.model_dump()),
        lambda: _document(app, exporter),
        lambda: app.tenancy.set_exporter(exporter, reports=body.reports, identity=body.identity),
    )
    return _found(app, exporter)


@router.post("/exporters/{exporter}/keys", status_code=201)
async def rotate_key(
    app: TheApp,
    caller: TheCaller,
    exporter: Name,
    overlap_hours: Annotated[
        int, Query(ge=0, le=720, description="Hours for which the former key stays valid.")
    ] = 24,
) -> NewKeyDocument:
    """Give an exporter a new key, which is shown once. Each request makes another key."""
    await app.tenancy.refresh()
    given = await change(
        app,
        caller,
        Change("exporter.rotate", f"exporter/{exporter}", {"overlap_hours": overlap_hours}),
        lambda: _document(app, exporter),
        lambda: exporter_keys.rotate(app.tenancy, exporter, overlap_hours * HOUR),
    )
    return NewKeyDocument.made(exporter, *given)


@router.delete("/exporters/{exporter}/keys", status_code=204)
async def revoke_keys(app: TheApp, caller: TheCaller, exporter: Name) -> None:
    """Let no key of an exporter be valid any longer."""
    await app.tenancy.refresh()
    await change(
        app,
        caller,
        Change("exporter.revoke", f"exporter/{exporter}", {}),
        lambda: _document(app, exporter),
        lambda: app.tenancy.revoke_exporter_keys(exporter),
    )


def _document(app: bootstrap.App, name: str) -> dict[str, object] | None:
    found = app.tenancy.directory.exporters.of(name)
    return None if found is None else ExporterDocument.of(name, found).model_dump()


def _found(app: bootstrap.App, name: str) -> ExporterDocument:
    found = app.tenancy.directory.exporters.of(name)
    if found is None:
        raise not_found()
    return ExporterDocument.of(name, found)
