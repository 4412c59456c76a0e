"""One request on its way through the gateway, filled in step by step."""

from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import uuid4

from metering.core.basics.instants import Instant
from metering.local.demo.traffic import Model
from metering.local.gateway.keys import Caller
from metering.local.gateway.models.counting import Counts, Prompt
from metering.local.gateway.surfaces.surface import Surface

SERVICE: Final = "local"
"""The name of this API Management service; events come from `/apim/local`."""
REGION: Final = "eastus2"
PRODUCT: Final = "llm"
BACKEND: Final = "local-models"

type Tier = Literal["standard", "priority", "flex"]


@dataclass(slots=True, kw_only=True)
class Call:
    """The facts known so far. `time` is the start of the request; lengths are in bytes."""

    surface: Surface
    operation: str
    time: Instant
    method: str
    url: str
    deployment: str | None = None
    """The deployment in the path; None if the body names the model."""
    api_version: str = ""
    request_id: str = field(default_factory=lambda: str(uuid4()))
    caller: Caller | None = None
    requested_model: str | None = None
    model: Model | None = None
    admission: str = ""
    downgraded_to: str = ""
    billed_as: str | None = None
    """The model that is priced where the answer names none."""
    hold: dict[str, int] = field(default_factory=dict)
    tier: Tier = "standard"
    streamed: bool = False
    attributes: dict[str, str] = field(default_factory=dict)
    """Attributes that limits can name and only the request carries; empty where it names none."""
    status: int = 0
    prompt: Prompt | None = None
    counts: Counts | None = None
    """The output of the model so far."""
    reached_model: bool = False
    from_cache: bool = False
    in_background: bool = False
    """Whether it goes on after its answer; then it is logged at its end."""
    aborted: bool = False
    request_length: int = 0
    response_length: int = 0
    backend_ms: int = 0
    total_ms: int = 0

    @property
    def id(self) -> str:
        """The request id without dashes."""
        return self.request_id.replace("-", "")

    @property
    def model_request_id(self) -> str:
        """The model's id of the request."""
        return f"{self.surface.id_prefix}{self.id}"
