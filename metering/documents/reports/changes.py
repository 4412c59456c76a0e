"""Whether anything has changed."""

from pydantic import Field

from metering.documents.document import Document


class Changes(Document):
    """Something may have changed; the ETag of the response stands for the state."""

    as_of: str = Field(description="When this was read.")
