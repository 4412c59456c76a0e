"""Producers: operators bind each to the subjects and sources that it may speak for."""

from typing import Annotated

from fastapi import Path, Response

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.etags import IfMatch, expected_revision, tag
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import not_found
from metering.api.routers import for_operators
from metering.core.tenancy.producers import Binding
from metering.documents.producers import ProducerDocument, ProducerRequest

router = for_operators("producers")

Producer = Annotated[str, Path(max_length=64, description="app:<client id> or user:<object id>.")]


@router.get("/producers")
async def list_producers(
    app: TheApp, limit: Limit = 50, cursor: Cursor = None
) -> Page[ProducerDocument]:
    """List the producers that are bound."""
    await app.tenancy.refresh()
    found = app.tenancy.directory.producers.all()
    return page_of(
        [ProducerDocument.of(name, binding) for name, binding in found.items()],
        lambda one: (one.producer,),
        lambda one: one,
        listed="producers",
        cursor=cursor,
        limit=limit,
    )


@router.get("/producers/{producer}")
async def show_producer(app: TheApp, producer: Producer, response: Response) -> ProducerDocument:
    """Return what a producer may report."""
    await app.tenancy.refresh()
    found = _found(app, producer)
    if found is None:
        raise not_found()
    tag(response, app, "producer", producer)
    return found


@router.put("/producers/{producer}")
async def bind_producer(
    app: TheApp,
    caller: TheCaller,
    producer: Producer,
    body: ProducerRequest,
    response: Response,
    if_match: IfMatch = None,
) -> ProducerDocument:
    """Let a producer speak for these subjects and sources from now on, and no others."""
    await app.tenancy.refresh()
    before = _found(app, producer)
    expected = expected_revision(app, "producer", producer, if_match, exists=before is not None)
    binding = Binding(subjects=tuple(body.subjects), sources=tuple(body.sources))
    await change(
        app,
        caller,
        Change("producer.set", f"producer/{producer}", body.model_dump()),
        lambda: None if before is None else before.model_dump(),
        lambda: app.tenancy.bind_producer(producer, binding, expected=expected),
    )
    tag(response, app, "producer", producer)
    return ProducerDocument.of(producer, app.tenancy.directory.producers.of(producer) or binding)


def _found(app: bootstrap.App, name: str) -> ProducerDocument | None:
    binding = app.tenancy.directory.producers.of(name)
    return None if binding is None else ProducerDocument.of(name, binding)
