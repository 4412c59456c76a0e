"""The result of `metering azure setup-identity`: steps, and ids for the settings."""

from typing import Literal, NamedTuple

type Done = Literal["was there", "created", "changed", "would be created", "would be changed"]


class Step(NamedTuple):
    """One required object, and what was done about it."""

    what: str
    done: Done


class Identity(NamedTuple):
    """The ids for the settings; empty for an object that a dry run would create."""

    tenant_id: str
    client_id: str
    service_principal_id: str
    steps: tuple[Step, ...]
