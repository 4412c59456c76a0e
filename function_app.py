"""The app that the Functions host imports: it registers the triggers, nothing else."""

import os

import azure.functions as func

from metering.triggers import gateway_logs, http, timers, usage

app = func.FunctionApp()
app.register_functions(usage.blueprint)
# An installation without the log of language models says so, and has no hub for it.
if os.environ.get("GATEWAY_LOGS_HUB") != "off":
    app.register_functions(gateway_logs.blueprint)
app.register_functions(timers.blueprint)
app.register_functions(http.blueprint)
