"""Events as they arrive: CloudEvents 1.0 in JSON. Producers may add fields.

`llm.usage.v1` is one request to a model, `meter.usage.v1` any other metered thing;
`business.outcome.v1`, what usage was good for, is in outcome.py.
"""

from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from metering.core.basics.money import parse_fixed
from metering.core.usage.buckets import QUANTITY_DECIMALS
from metering.core.usage.provider_usage import Count, ProviderUsage

LLM_USAGE = "llm.usage.v1"
METER_USAGE = "meter.usage.v1"
BUSINESS_OUTCOME = "business.outcome.v1"

#: Event Hubs takes 1 MB a publication; a larger body cannot have come from it.
MAX_BODY_BYTES = 1_048_576
#: log-to-eventhub cuts a message at 200 KB, in the middle of its JSON (policy reference, 2024-07).
TRUNCATED_AT_BYTES = 200_000
#: A gateway request id is a GUID of 36 characters; this leaves room for other producers.
MAX_ID_LENGTH = 256
#: Names of models, deployments, products, users: long enough for any Azure resource name.
MAX_NAME_LENGTH = 256

#: Units of one event: their millionths stay below 2^53, beyond which JSON numbers are not exact.
MAX_QUANTITY: Final = 9 * 10**9

type Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH)]
type Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH)]
type Label = Annotated[str, StringConstraints(max_length=MAX_NAME_LENGTH)]
type Producer = Annotated[
    Name | None,
    Field(description="Who sent the event to the API. The API sets it, whatever an event says."),
]
"""An extension attribute of CloudEvents: the identity of the caller, such as `app:<client id>`."""


class _Inbound(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="ignore")


class Hold(_Inbound):
    """The cost that a stream's request implies: the length of its prompt, and its maximum."""

    prompt_tokens_estimate: Count | None = None
    max_output_tokens: Count | None = None


class LlmUsageData(_Inbound):
    """The `data` of `llm.usage.v1`: one LLM request; `status` is what the client got."""

    status: Annotated[int, Field(ge=100, le=599)]
    product: Label | None = None
    api: Label | None = None
    operation: Label | None = None
    deployment: Label | None = None
    model: Label | None = None
    requested_model: Label | None = None
    provider: Label | None = None
    backend: Label | None = None
    region: Label | None = None
    deployment_type: Literal["global", "data_zone", "regional", "provisioned"] | None = None
    service_tier: Label | None = None
    """The tier that served the request, by Azure's or the provider's name for it."""
    spillover: bool | None = None
    streamed: bool | None = None
    cache: Literal["hit", "miss", "none"] | None = None
    """`hit`: a cache of the gateway gave the response, and no model was asked for it."""
    error: Label | None = None
    """The error code of a refusal; never its text."""
    tool_calls: dict[Name, Count] = {}
    """Calls of tools that the service runs and charges for, by the type of their output item."""
    server_tools: tuple[Name, ...] = ()
    """Charged tools that the request offered, where its calls of them cannot be seen."""
    use_case: Label | None = None
    end_user: Label | None = None
    agent: Label | None = None
    session: Label | None = None
    tokens: Literal["final", "pending", "absent"] = "final"
    evidence: Literal["estimated", "recovered", "totals", "full", "aggregate"] = "full"
    revision: Count | None = None
    """Of an aggregate: how often its counts have changed. The highest revision stands."""
    hold: Hold | None = None
    usage: ProviderUsage | None = None


class LlmUsageEvent(_Inbound):
    """The envelope."""

    specversion: Literal["1.0"]
    type: Literal["llm.usage.v1"]
    source: Name
    id: Id
    time: Name
    subject: Name
    producer: Producer = None
    data: LlmUsageData


#: What a producer writes, not what is kept.
_DECIMAL: Final = {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,6})?$"}


def _quantity(text: object) -> int:
    try:
        value = parse_fixed(text, QUANTITY_DECIMALS)
    except ValueError:
        raise ValueError("is not a quoted decimal string with at most 6 decimals") from None
    if not 0 <= value <= MAX_QUANTITY * 10**QUANTITY_DECIMALS:
        raise ValueError(f"is not between 0 and {MAX_QUANTITY}")
    return value


def _unit(name: str) -> str:
    if name == "token":
        raise ValueError("tokens are counted by llm.usage.v1")
    return name


class MeterUsageData(_Inbound):
    """The `data` of `meter.usage.v1`: so much of a meter was used (a vector query, a minute)."""

    meter: Name
    quantity: Annotated[int, BeforeValidator(_quantity), WithJsonSchema(_DECIMAL)]
    """A quoted decimal string with at most six decimals; kept in 10^-6 of `unit`."""
    unit: Annotated[Name, AfterValidator(_unit)]
    product: Label | None = None
    api: Label | None = None
    operation: Label | None = None
    provider: Label | None = None
    backend: Label | None = None
    region: Label | None = None
    use_case: Label | None = None
    end_user: Label | None = None
    agent: Label | None = None
    session: Label | None = None


class MeterUsageEvent(_Inbound):
    """The envelope."""

    specversion: Literal["1.0"]
    type: Literal["meter.usage.v1"]
    source: Name
    id: Id
    time: Name
    subject: Name
    producer: Producer = None
    data: MeterUsageData


#: Outcomes that one event may tell of; sums of any number of events stay exact in every store.
MAX_OUTCOMES: Final = 1_000_000


def _some(count: int) -> int:
    if count == 0:
        raise ValueError("is zero")
    return count


def _no_quantity(_: object) -> None:
    raise ValueError("is a field of meter.usage.v1; outcomes have `count`")


class BusinessOutcomeData(_Inbound):
    """The `data` of `business.outcome.v1`."""

    use_case: Name
    """Of the usage that it came of, as usage events name it."""
    outcome: Name
    """The name of the outcome: `ticket_resolved`."""
    count: Annotated[int, Field(ge=-MAX_OUTCOMES, le=MAX_OUTCOMES), AfterValidator(_some)] = 1
    """A negative count takes back outcomes that were reported before."""
    quantity: Annotated[None, BeforeValidator(_no_quantity), WithJsonSchema({"not": {}})] = None
    product: Label | None = None
    end_user: Label | None = None


class BusinessOutcomeEvent(_Inbound):
    """The envelope."""

    specversion: Literal["1.0"]
    type: Literal["business.outcome.v1"]
    source: Name
    id: Id
    time: Name
    subject: Name
    producer: Producer = None
    data: BusinessOutcomeData


#: The unit of outcomes, and the version of their rate: they have no price, and need none.
OUTCOME: Final = "outcome"
