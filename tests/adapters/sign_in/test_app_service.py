"""The header of App Service authentication: who a browser's user is."""

import base64
import json
from typing import Any

import pytest

from metering.adapters.sign_in.app_service import identity_in
from metering.core.tenancy.access import Identity, NotSignedIn, Role

PERSON = "00000000-0000-0000-0000-0000000000aa"
TENANT = "11111111-2222-3333-4444-555555555555"
MICROSOFT = "http://schemas.microsoft.com/identity/claims"
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def header(claims: list[tuple[str, str]], **changes: Any) -> str:
    content = {
        "auth_typ": "aad",
        "claims": [{"typ": name, "val": value} for name, value in claims],
        "name_typ": "name",
        "role_typ": "roles",
        **changes,
    }
    return base64.b64encode(json.dumps(content).encode()).decode()


SHORT = [("oid", PERSON), ("tid", TENANT), ("roles", "Metering.Operator"), ("roles", "Other")]
LONG = [
    (f"{MICROSOFT}/objectidentifier", PERSON),
    (f"{MICROSOFT}/tenantid", TENANT),
    (ROLE, "Metering.Operator"),
]


@pytest.mark.parametrize("claims", [SHORT, LONG])
def test_a_person_is_named_by_either_kind_of_claims(claims: list[tuple[str, str]]) -> None:
    assert identity_in(header(claims), TENANT) == Identity(
        f"user:{PERSON}", frozenset({Role.OPERATOR}), None, is_ambient=True
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64!",
        base64.b64encode(b"\xff").decode(),
        base64.b64encode(b"7").decode(),
        base64.b64encode(b"{}").decode(),
        base64.b64encode(b'{"claims": [{}]}').decode(),
        base64.b64encode(b'{"claims": [[]]}').decode(),
        base64.b64encode(b"[]").decode(),
        # As deep as the header may be long: three bytes are four characters of base64.
        base64.b64encode(b"[" * 49_000).decode(),
        base64.b64encode(b'{"a":' * 9_800).decode(),
        header([("oid", PERSON)]),
        header([("tid", TENANT)]),
        header([("oid", PERSON), ("tid", "other")]),
        header(SHORT, auth_typ="google"),
        "A" * 70_000,
    ],
)
def test_what_names_nobody_of_the_directory_is_not_taken(text: str) -> None:
    with pytest.raises(NotSignedIn):
        identity_in(text, TENANT)
