"""`metering init`: make what the store needs."""

from metering.cli.options import with_app
from metering.cli.output import AsJson, print_json, stdout


def init(as_json: AsJson = False) -> None:
    """Make the store ready: tables, or database and containers on an account or emulator.

    Doing it again changes nothing. In Azure the deployment makes the containers.

    Example:  metering init
    """
    done = with_app(lambda app: app.stores.prepare())
    if as_json:
        print_json(done)
        return
    for line in done:
        stdout().print(line)
