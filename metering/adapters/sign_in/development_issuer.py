"""A token issuer for this machine, with its own key pair that never leaves it."""

import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt import PyJWK
from jwt.algorithms import ECAlgorithm

from metering.adapters.sign_in.jwks import KeyCache, Keys
from metering.adapters.sign_in.tokens import BearerTokens
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import SECOND
from metering.core.basics.patterns import IDENTIFIER
from metering.core.tenancy.access import Claims, Identity, NotSignedIn, Role, roles_in
from metering.ports import Clock

ISSUER: Final = "urn:metering:development"
AUDIENCE: Final = "urn:metering:api"
LIFETIME_S: Final = 3_600
_ALGORITHM: Final = "ES256"
_KEY_ID: Final = "development"


class DevelopmentIssuer:
    """Issues and verifies tokens under a key in a file, created on first use."""

    def __init__(self, key_file: Path, clock: Clock) -> None:
        """`clock` must be the real time: tokens expire by it."""
        self._file = key_file
        self._clock = clock
        self._key: ec.EllipticCurvePrivateKey | None = None

    def token(self, *, tenant: str | None = None, roles: frozenset[Role] = frozenset()) -> str:
        """Return a token for a tenant or with roles, valid for an hour."""
        issued = self._clock.now() // SECOND
        who = tenant or "-".join(sorted(role.name.lower() for role in roles))
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": f"development:{who}",
            "iat": issued,
            "nbf": issued,
            "exp": issued + LIFETIME_S,
            "jti": str(uuid.uuid4()),
            "roles": sorted(roles),
        }
        if tenant is not None:
            claims["metering_tenant"] = tenant
        return jwt.encode(claims, self._private(), _ALGORITHM, headers={"kid": _KEY_ID})

    def verifier(self) -> BearerTokens:
        """Return the verifier of this issuer's tokens."""
        keys = KeyCache(self._public, lambda: 0.0)
        return BearerTokens(keys, issuer=ISSUER, audience=AUDIENCE, identify=_identity)

    async def _public(self) -> Keys:
        public = json.loads(ECAlgorithm.to_jwk(self._private().public_key()))
        return {_KEY_ID: PyJWK({**public, "kid": _KEY_ID}, _ALGORITHM)}

    def _private(self) -> ec.EllipticCurvePrivateKey:
        if self._key is None:
            self._key = _read(self._file) or _made(self._file)
        return self._key


def _identity(claims: Claims) -> Identity:
    tenant = _tenant(claims.get("metering_tenant"))
    return Identity(str(claims["sub"]), roles_in(claims), tenant)


def _tenant(claim: object) -> str | None:
    if claim is None:
        return None
    if isinstance(claim, str) and IDENTIFIER.fullmatch(claim):
        return claim
    raise NotSignedIn("the token does not name a tenant")


def _read(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    try:
        key = serialization.load_pem_private_key(content, None)
    except ValueError:
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(
            f"{path}: is not a key of this program; remove it to create a new one"
        )
    return key


def _made(path: Path) -> ec.EllipticCurvePrivateKey:
    """Create the key, readable by its owner only, unless another process is first."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    written = path.with_name(f"{path.name}.{uuid.uuid4()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
            to.write(pem)
        with suppress(FileExistsError):
            # A link is atomic and never replaces an existing key.
            os.link(written, path)
        written.unlink()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    found = _read(path)
    assert found is not None
    return found
