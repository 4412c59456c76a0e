"""`metering serve` and `metering token`: the HTTP API on this machine."""

import asyncio
import signal
from socket import socket
from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.output import AsJson, escape, print_error, show, stdout
from metering.core.basics.patterns import IDENTIFIER
from metering.core.tenancy.access import Role
from metering.local.api import listener_on, local_api, sign_in_links
from metering.settings.settings import read_settings


def serve(
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65_535, help="The port; 0 picks a free one. Default: 7071 if it is free."
        ),
    ] = None,
) -> None:
    """Serve the HTTP API on this machine until interrupted, over the store in METERING_STORE.

    Only this machine can reach it. `metering token` prints a token for it.

    Example:  metering serve --port 7071
    """
    settings = read_settings()
    bootstrap.must_exist(settings)
    app = bootstrap.App(settings)
    with listener_on(port) as listener:
        asyncio.run(_serve(app, listener))


async def _serve(app: bootstrap.App, listener: socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    try:
        async with local_api(app, listener) as url:
            await app.tenancy.refresh()
            stdout().print(f"Serving {url}/api (Ctrl-C stops it)", soft_wrap=True)
            say_where_to_sign_in(app, url)
            await stop.wait()
    finally:
        await app.close()


def say_where_to_sign_in(app: bootstrap.App, url: str) -> None:
    """Print the address of the dashboard and sign-in links."""
    console = stdout()
    console.print(f"  {'dashboard':<13}{url}/dashboard", soft_wrap=True)
    for who, link in sign_in_links(app, url).items():
        console.print(f"  {'sign in':<13}{link}  (as {escape(who)}, once)", soft_wrap=True)


def token(
    tenant: Annotated[str | None, typer.Option(help="For a tenant, which can read itself.")] = None,
    operator: Annotated[bool, typer.Option("--operator", help="For an operator.")] = False,
    gateway: Annotated[bool, typer.Option("--gateway", help="For the gateway.")] = False,
    producer: Annotated[bool, typer.Option("--producer", help="For a producer of events.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a bearer token for `metering serve` and `metering run`, valid for an hour.

    It is signed by this machine's development issuer and valid nowhere else.

    Example:  metering token --tenant acme
    """
    flags = {Role.OPERATOR: operator, Role.GATEWAY: gateway, Role.PRODUCER: producer}
    roles = frozenset(role for role, given in flags.items() if given)
    if (tenant is None) == (not roles):
        raise typer.BadParameter("give --tenant, or one of --operator, --gateway, --producer")
    if tenant is not None and not IDENTIFIER.fullmatch(tenant):
        raise typer.BadParameter("use 1 to 64 of A-Z a-z 0-9 . _ -", param_hint="--tenant")
    settings = read_settings()
    if settings.http.auth is not None:
        print_error("METERING_AUTH_ISSUER is set: only tokens of that issuer are accepted")
        raise typer.Exit(1)
    made = bootstrap.App(settings).sign_in.development_issuer.token(tenant=tenant, roles=roles)
    show(
        {"token": made}, lambda: stdout().print(made, soft_wrap=True, markup=False), as_json=as_json
    )
