"""What shapes have in common."""

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """A JSON object that the API says."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Wish(BaseModel):
    """A JSON object that the API takes: what it does not know, it refuses."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
