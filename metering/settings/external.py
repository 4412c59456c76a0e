"""Variables of other programs, declared for `metering doctor` and docs/settings.md."""

from typing import Final, NamedTuple


class External(NamedTuple):
    """An environment variable that this project's code does not read."""

    name: str
    reader: str
    meaning: str


_HOST: Final = "Functions host"
_DEPLOYMENT: Final = "`azd` (bicep/)"
_SCRIPTS: Final = "bicep/scripts/"
#: Suffixes that complete an identity-based connection of the Functions host.
_BY_IDENTITY: Final = (
    ("credential", "`managedidentity`: a managed identity signs in."),
    ("clientId", "The client id of the managed identity."),
)

EXTERNAL: Final = (
    *(
        External(f"{connection}__{suffix}", _HOST, meaning)
        for connection in ("UsageHub", "GatewayLogsHub", "AzureWebJobsStorage")
        for suffix, meaning in _BY_IDENTITY
    ),
    External(
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
        "Functions host, Azure Monitor exporter",
        "The identity that sends telemetry.",
    ),
    External("PYTHON_ENABLE_OPENTELEMETRY", "Functions worker", "Passes trace contexts on."),
    External(
        "OTEL_TRACES_SAMPLER",
        "Functions host, Azure Monitor exporter",
        "The sampler of traces; both processes know `microsoft.rate_limited`.",
    ),
    External("OTEL_TRACES_SAMPLER_ARG", "the same", "Traces a second of each process."),
    External("AzureWebJobsDisableHomepage", _HOST, "`true`: the root belongs to the dashboard."),
    External("AzureWebJobsStorage__queueServiceUri", _HOST, "The queues of the host's storage."),
    External("AzureWebJobsStorage__tableServiceUri", _HOST, "The tables of the host's storage."),
    External("AZURE_CLIENT_ID", "Azure SDKs", "The client id of the identity that signs in."),
    External("METERING_OPERATORS_GROUP", _DEPLOYMENT, "The object id of the operators' group."),
    External("METERING_APIM_ID", _DEPLOYMENT, "The resource id of an existing gateway."),
    External("METERING_APIM_LOCATION", _DEPLOYMENT, "The region of that gateway, if another one."),
    External(
        "METERING_GATEWAY_REACHES_NETWORK",
        _DEPLOYMENT,
        "`true`: that gateway reaches the private endpoints and resolves their names.",
    ),
    External("METERING_OPENAI_MODELS", _DEPLOYMENT, "OpenAI endpoints and accounts, as JSON."),
    External("METERING_ANTHROPIC_MODELS", _DEPLOYMENT, "Anthropic endpoints, as JSON."),
    External("METERING_OPERATOR_KIND", _DEPLOYMENT, "`ServicePrincipal` where a pipeline deploys."),
    External("METERING_HOSTS", _DEPLOYMENT, "Hosts that people sign in to, with commas."),
    External("METERING_CLIENTS", _DEPLOYMENT, "Client ids that ask for users, with commas."),
    External("METERING_PUBLISHER_EMAIL", _DEPLOYMENT, "The publisher's address of a new gateway."),
    External(
        "METERING_API_CLIENT_ID",
        _DEPLOYMENT,
        "The client id of the API, an output of bicep/entra.bicep.",
    ),
    External("METERING_SECOND_LOCATION", _DEPLOYMENT, "The second region of Cosmos DB."),
    External("METERING_ALERT_EMAIL", _DEPLOYMENT, "The recipient of alerts."),
    External(
        "METERING_BUDGET_START",
        _DEPLOYMENT,
        "The first month of the budget, `2026-11-01`; empty: none.",
    ),
    External("METERING_API", _SCRIPTS, "The URL of the function app, an output of the deployment."),
    External("METERING_PRICES", _SCRIPTS, "A source of `metering prices import`; default `azure`."),
    External("METERING_DEFAULT_PLAN", _SCRIPTS, "A plan file; by default list prices apply."),
    External("METERING_TRIES", _SCRIPTS, "Attempts to reach the store, 30 s apart; default 20."),
    External("METERING_SMOKE_KEY", "`metering azure smoke`", "A key of a tenant's subscription."),
    External("METERING_SMOKE_SECONDS", _SCRIPTS, "The limit of the smoke test; default 300."),
)
