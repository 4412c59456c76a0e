"""The app that the Functions host imports: it registers the triggers, nothing else."""

import azure.functions as func

from metering.triggers import gateway_logs, http, timers, usage

app = func.FunctionApp()
app.register_functions(usage.blueprint)
app.register_functions(gateway_logs.blueprint)
app.register_functions(timers.blueprint)
app.register_functions(http.blueprint)
