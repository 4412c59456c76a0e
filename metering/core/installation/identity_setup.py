"""What `metering azure setup-identity` did, and the ids that the settings need."""

from typing import Literal, NamedTuple

type Done = Literal["was there", "created", "changed", "would be created", "would be changed"]


class Step(NamedTuple):
    """One thing that should be there, and what was done about it."""

    what: str
    done: Done


class Identity(NamedTuple):
    """What was set up, by the ids that the settings need; empty where it would be created."""

    tenant_id: str
    client_id: str
    service_principal_id: str
    steps: tuple[Step, ...]
