"""Changes by commands: in the audit log like those over HTTP, under who gave the command."""

import getpass
import uuid
from collections.abc import Awaitable, Callable, Mapping

from metering import bootstrap
from metering.app.tenancy.audited import Act, Look
from metering.cli.options import with_app

type _Work[T] = Callable[[bootstrap.App], Awaitable[T]]


def changing[T](action: str, resource: str, wanted: Mapping[str, object], work: _Work[T]) -> T:
    """Run `work` with the app of this process as a change, between two entries of the audit log."""
    return with_app(lambda app: audited(app, action, resource, wanted, lambda: work(app)))


async def audited[T](
    app: bootstrap.App,
    action: str,
    resource: str,
    wanted: Mapping[str, object],
    work: Callable[[], Awaitable[T]],
    look: Look = lambda: None,
) -> T:
    """Run `work` between two entries of the audit log; what was not asked for is left out."""
    given = {name: value for name, value in wanted.items() if value is not None}
    act = Act(str(uuid.uuid4()), await author(app), action, resource, given)
    return await app.audited.do(act, look, work)


async def author(app: bootstrap.App) -> str:
    """Return who gives this command: the identity that the store knows, or the user of the system.

    A store in Azure has signed the identity in, as `user:<object id>` or `app:<client id>`. A file,
    or an account by its key, knows nobody: then it is `cli:<name>`, as far as the system tells.
    """
    signed_in = await app.signed_in_as()
    if signed_in is not None:
        return signed_in
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):
        return "cli:unknown"
