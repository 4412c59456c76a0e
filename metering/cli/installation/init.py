"""`metering init`: prepare the store."""

from metering.cli.options import with_app
from metering.cli.output import AsJson, show, stdout


def init(as_json: AsJson = False) -> None:
    """Prepare the store: tables, or a database and containers on an account or emulator.

    Safe to repeat. In Azure the deployment creates the containers.

    Example:  metering init
    """
    done = with_app(lambda app: app.stores.prepare(), creates=True)
    show(done, lambda: stdout().print("\n".join(done)), as_json=as_json)
