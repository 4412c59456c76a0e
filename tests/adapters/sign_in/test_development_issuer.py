"""The development issuer: a key that stays on this machine, tokens for an hour, nobody else's."""

import stat
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from metering.adapters.clock import FixedClock, SystemClock
from metering.adapters.sign_in.development_issuer import AUDIENCE, ISSUER, DevelopmentIssuer
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import SECOND
from metering.core.tenancy.access import Identity, NotSignedIn, Role


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "deeper" / "key.pem"


async def test_a_token_names_a_tenant_or_roles(key_file: Path) -> None:
    issuer = DevelopmentIssuer(key_file, SystemClock())
    verifier = issuer.verifier()
    assert await verifier.verify(issuer.token(tenant="acme")) == Identity(
        "development:acme", frozenset(), "acme"
    )
    assert await verifier.verify(issuer.token(roles=frozenset({Role.OPERATOR}))) == Identity(
        "development:operator", frozenset({Role.OPERATOR})
    )


def mode_and_neighbours(path: Path) -> tuple[int, list[str]]:
    return stat.S_IMODE(path.stat().st_mode), [one.name for one in path.parent.iterdir()]


async def test_the_key_is_made_once_for_its_owner_alone(key_file: Path) -> None:
    first = DevelopmentIssuer(key_file, SystemClock())
    token = first.token(tenant="acme")
    assert mode_and_neighbours(key_file) == (0o600, ["key.pem"])
    # Another process, later.
    second = DevelopmentIssuer(key_file, SystemClock())
    assert (await second.verifier().verify(token)).tenant == "acme"


async def test_a_token_is_for_an_hour(key_file: Path) -> None:
    now = int(time.time()) * SECOND
    old = DevelopmentIssuer(key_file, FixedClock(now - 3_700 * SECOND))
    with pytest.raises(NotSignedIn, match="expired"):
        await old.verifier().verify(old.token(tenant="acme"))


async def test_another_machines_token_is_not_taken(key_file: Path, tmp_path: Path) -> None:
    theirs = DevelopmentIssuer(tmp_path / "theirs.pem", SystemClock())
    ours = DevelopmentIssuer(key_file, SystemClock())
    with pytest.raises(NotSignedIn, match="signature"):
        await ours.verifier().verify(theirs.token(tenant="acme"))


def forged(key_file: Path, tenant: object) -> str:
    """Return what somebody with the key may sign."""
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "x",
        "iat": now,
        "exp": now + 60,
    }
    claims["metering_tenant"] = tenant
    return jwt.encode(claims, key, "ES256", headers={"kid": "development"})


@pytest.mark.parametrize("tenant", ["a b", "", 7])
async def test_a_tenant_is_a_tenants_id(key_file: Path, tenant: object) -> None:
    issuer = DevelopmentIssuer(key_file, SystemClock())
    issuer.token(tenant="acme")
    token = forged(key_file, tenant)
    with pytest.raises(NotSignedIn, match="does not name a tenant"):
        await issuer.verifier().verify(token)


def test_a_file_that_is_no_key_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match=r"key\.pem: is not a key of this program"):
        DevelopmentIssuer(path, SystemClock()).token(tenant="acme")
    assert path.read_text() == "precious"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "key.pem", tmp_path):
        with pytest.raises(ConfigurationError, match=str(tmp_path)):
            DevelopmentIssuer(path, SystemClock()).token(tenant="acme")
