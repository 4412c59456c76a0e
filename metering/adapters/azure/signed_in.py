"""The identity of Entra ID under which this process signs in."""

import asyncio
import base64
from typing import Final

from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import DefaultAzureCredential
from pydantic_core import from_json

from metering.core.tenancy.access import NotSignedIn, identity_of

_LONGEST_S: Final = 30


async def signed_in_as(scope: str) -> str | None:
    """Return the subject of this process's own token for a service; None if nobody is signed in."""
    try:
        async with asyncio.timeout(_LONGEST_S), DefaultAzureCredential() as credential:
            token = await credential.get_token(f"{scope}/.default")
    except (ClientAuthenticationError, OSError, TimeoutError):
        return None
    return subject_of(token.token)


def subject_of(token: str) -> str | None:
    """Return the subject in an access token; None if the text is not one.

    The signature is not checked: the token comes from Entra, and opens only what it is for.
    """
    try:
        payload = token.split(".")[1]
        claims = from_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return identity_of(claims).subject
    except (IndexError, ValueError, AttributeError, NotSignedIn):
        return None
