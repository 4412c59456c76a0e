"""Check that an identity of Entra ID can sign in."""

import asyncio
from typing import Final

from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import DefaultAzureCredential

from metering.core.installation.finding import Finding, fail, ok

_LONGEST_S: Final = 30
_MAX_REASON: Final = 200


async def probe_identity(scope: str) -> Finding:
    """Return the finding for a token of a service, e.g. `https://eventhubs.azure.net`."""
    remedy = (
        "in Azure: assign the app an identity (AZURE_CLIENT_ID names it); elsewhere: run `az login`"
    )
    check = f"identity for {scope}"
    try:
        async with asyncio.timeout(_LONGEST_S), DefaultAzureCredential() as credential:
            await credential.get_token(f"{scope}/.default")
    except ClientAuthenticationError as error:
        reason = " ".join(str(error).split())[:_MAX_REASON]
        return fail(check, f"signing in failed: {reason}", remedy)
    except (OSError, TimeoutError) as error:
        return fail(check, f"no answer: {error}"[:_MAX_REASON], remedy)
    return ok(check, "signed in")
