"""Producers, and the subjects and sources that each may speak for."""

from typing import Annotated, Self

from pydantic import Field

from metering.core.tenancy.producers import MAX_SOURCES, MAX_SUBJECTS, Binding
from metering.documents.document import Document, RequestBody

_SUBJECTS = "Subscriptions as events name them, or `*` for all. None: it may report nothing."
_SOURCES = "Sources in lower case; each covers what is below it."


class ProducerDocument(Document):
    """A producer and its binding."""

    producer: str = Field(examples=["app:6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11"])
    subjects: list[str] = Field(description=_SUBJECTS, examples=[["sub-1"]])
    sources: list[str] = Field(description=_SOURCES, examples=[["/app/search"]])

    @classmethod
    def of(cls, name: str, binding: Binding) -> Self:
        """Return a binding as a document."""
        return cls(producer=name, subjects=list(binding.subjects), sources=list(binding.sources))


type _Text = Annotated[str, Field(min_length=1, max_length=256)]


class ProducerRequest(RequestBody):
    """The scope a producer may report from now on, in place of its earlier one."""

    subjects: list[_Text] = Field(max_length=MAX_SUBJECTS, description=_SUBJECTS)
    sources: list[_Text] = Field(max_length=MAX_SOURCES, description=_SOURCES)
