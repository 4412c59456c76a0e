"""Mail through Azure Communication Services Email, signed in with the identity of the app."""

import asyncio
import uuid
from collections.abc import Sequence
from typing import Final

from azure.communication.email.aio import EmailClient
from azure.core.credentials import AzureKeyCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError
from azure.identity.aio import DefaultAzureCredential

from metering.core.basics.errors import RetryableError
from metering.ports import Mail

#: For one message; a run of the timer has minutes.
TIMEOUT_S: Final = 30.0
_NAMES: Final = uuid.UUID("6f3d7a52-2f0c-4f6e-9a55-5f6d0b1c9e10")


class AzureMailer:
    """Implements Mailer."""

    def __init__(
        self,
        endpoint: str,
        sender: str,
        credential: AsyncTokenCredential | AzureKeyCredential | None = None,
        *,
        retries: int = 3,
    ) -> None:
        """Sign in with the app's identity, unless a credential is given."""
        self._own = None if credential else DefaultAzureCredential()
        signing = credential or self._own
        assert signing is not None
        self._client = EmailClient(endpoint, signing, retry_total=retries)
        self._sender = sender

    async def send(self, mail: Mail, recipients: Sequence[str], key: str) -> None:
        """Hand a mail to the service; the id of the operation follows from the key."""
        message = {
            "senderAddress": self._sender,
            "recipients": {"bcc": [{"address": one} for one in recipients]},
            "content": {"subject": mail.subject, "plainText": mail.text, "html": mail.html},
            "userEngagementTrackingDisabled": True,
        }
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._client.begin_send(
                    message, operation_id=str(uuid.uuid5(_NAMES, key)), polling=False
                )
        except TimeoutError:
            raise RetryableError("mail: the service does not answer in time") from None
        # Its text may repeat addresses.
        except (AzureError, OSError) as error:
            reason = getattr(error, "status_code", None) or type(error).__name__
            raise RetryableError(f"mail: the service refused a message: {reason}") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
        if self._own is not None:
            await self._own.close()
