"""Verifies the bearer tokens of one issuer, with PyJWT."""

from collections.abc import Callable
from typing import Any, Final

import jwt
from jwt.exceptions import PyJWTError

from metering.adapters.sign_in.jwks import KeyCache
from metering.core.tenancy.access import Claims, Identity, NotSignedIn, identity_of

#: Entra's tokens stay below 8 KB; hosts take headers of 16 KB at most.
MAX_TOKEN_CHARACTERS: Final = 16_384
#: How far clocks may be apart, in seconds.
LEEWAY_S: Final = 60
#: No issuer of ours gives a token for longer: one that says so is not theirs, or a leaked setting.
MAX_LIFETIME_S: Final = 25 * 3_600
_REQUIRED: Final = ["exp", "iat", "iss", "aud", "sub"]


class BearerTokens:
    """Implements TokenVerifier for one issuer and audience."""

    def __init__(
        self,
        keys: KeyCache,
        *,
        issuer: str,
        audience: str,
        tenant: str | None = None,
        identify: Callable[[Claims], Identity] = identity_of,
    ) -> None:
        """Take `tenant`, which the claim `tid` must name; None where tokens have none."""
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._tenant = tenant
        self._identify = identify

    async def verify(self, token: str) -> Identity:
        """Return who a token names; NotSignedIn unless everything about it holds."""
        key = await self._keys.key(_key_id(token))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": _REQUIRED, "strict_aud": True},
            )
        except PyJWTError as error:
            raise NotSignedIn(_REASONS.get(type(error).__name__, "the token is invalid")) from None
        if claims["exp"] - claims["iat"] > MAX_LIFETIME_S:
            raise NotSignedIn("the token is for longer than any is given")
        if self._tenant is not None and claims.get("tid") != self._tenant:
            raise NotSignedIn("the token is of another directory")
        return self._identify(claims)


_REASONS: Final = {
    "ExpiredSignatureError": "the token has expired",
    "ImmatureSignatureError": "the token is not valid yet",
    "InvalidAudienceError": "the token is for another audience",
    "InvalidIssuerError": "the token is of another issuer",
    "InvalidSignatureError": "the token's signature is wrong",
    "InvalidAlgorithmError": "the token's algorithm is not taken",
    "MissingRequiredClaimError": "the token lacks a claim",
}


def _key_id(token: str) -> str:
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise NotSignedIn("the token is too long")
    try:
        header = jwt.get_unverified_header(token)
    except PyJWTError:
        raise NotSignedIn("the token cannot be read") from None
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise NotSignedIn("the token names no key")
    return kid
