"""Verification of the bearer tokens of one issuer, with PyJWT."""

from collections.abc import Callable
from typing import Any, Final

import jwt
from jwt.exceptions import PyJWTError

from metering.adapters.sign_in.jwks import KeyCache
from metering.core.tenancy.access import Claims, Identity, NotSignedIn, identity_of

#: Entra's tokens stay below 8 KB; hosts accept headers of at most 16 KB.
MAX_TOKEN_CHARACTERS: Final = 16_384
#: The tolerated clock skew in seconds.
LEEWAY_S: Final = 60
#: No issuer grants a longer life: such a token is forged, or the issuer misconfigured.
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
        """`tenant` is the required claim `tid`, or None if tokens lack that claim."""
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._tenant = tenant
        self._identify = identify

    async def verify(self, token: str) -> Identity:
        """Return the identity in a token; raise NotSignedIn unless every check passes."""
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
            raise NotSignedIn("the token is valid for longer than the issuer grants")
        if self._tenant is not None and claims.get("tid") != self._tenant:
            raise NotSignedIn("the token is from another directory")
        return self._identify(claims)


_REASONS: Final = {
    "ExpiredSignatureError": "the token has expired",
    "ImmatureSignatureError": "the token is not valid yet",
    "InvalidAudienceError": "the token is for another audience",
    "InvalidIssuerError": "the token is from another issuer",
    "InvalidSignatureError": "the token's signature is wrong",
    "InvalidAlgorithmError": "the token's algorithm is not accepted",
    "MissingRequiredClaimError": "the token lacks a required claim",
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
        raise NotSignedIn("the token does not name its key")
    return kid
