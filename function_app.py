"""The app that the Functions host imports: it reads the settings and registers the triggers."""

import os

import azure.functions as func

from metering import bootstrap
from metering.triggers import gateway_logs, http, timers, usage

# Wrong settings stop the app when it starts, not at its first event. It is what counts the first
# event of a store, so it may make one.
bootstrap.current(creates=True)

app = func.FunctionApp()
app.register_functions(usage.blueprint)
# An installation without the log of language models says so, and has no hub for it.
if os.environ.get("GATEWAY_LOGS_HUB") != "off":
    app.register_functions(gateway_logs.blueprint)
app.register_functions(timers.blueprint)
app.register_functions(http.blueprint)
