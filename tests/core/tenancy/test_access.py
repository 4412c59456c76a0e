"""Who a token names, and what that caller may do."""

from typing import Any

import pytest

from metering.core.tenancy.access import (
    Action,
    Caller,
    Identity,
    NotSignedIn,
    Role,
    identity_of,
    may,
)

APP = "00000000-0000-0000-0000-000000000001"
PERSON = "00000000-0000-0000-0000-0000000000aa"


def claims(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"azp": APP, "oid": PERSON, "sub": PERSON, "roles": ["Metering.Gateway"]}
    made.update(changes)
    return {name: value for name, value in made.items() if value is not ...}


def test_a_token_without_scopes_is_that_of_an_app() -> None:
    expected = Identity(f"app:{APP}", frozenset({Role.GATEWAY}))
    assert identity_of(claims()) == expected
    assert identity_of(claims(idtyp="app", sub="other")) == expected
    assert identity_of(claims(azp=..., appid=APP)) == expected


def test_a_token_with_scopes_is_that_of_a_person_whatever_app_it_came_through() -> None:
    found = identity_of(claims(scp="read", oid=PERSON.upper(), roles=["Metering.Operator"]))
    assert found == Identity(f"user:{PERSON}", frozenset({Role.OPERATOR}))


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "pairwise"},
        {"idtyp": "user"},
        {"azp": ...},
        {"azp": "not a guid"},
        {"azp": 7},
        {"scp": "read", "oid": ...},
        {"scp": "read", "oid": ""},
    ],
)
def test_a_token_that_names_nobody_is_not_taken(changes: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn):
        identity_of(claims(**changes))


@pytest.mark.parametrize("roles", [..., None, "Metering.Operator", {}, 7, ["Other", 7, None, []]])
def test_what_is_no_role_of_ours_gives_none(roles: object) -> None:
    assert identity_of(claims(roles=roles)).roles == frozenset()


ALLOWED = {
    Role.OPERATOR: {Action.OPERATE, Action.ASK_ADMISSION, Action.REPORT, Action.READ_TENANT},
    Role.GATEWAY: {Action.ASK_ADMISSION, Action.REPORT},
    Role.PRODUCER: {Action.REPORT},
}


@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_what_it_is_for(role: Role) -> None:
    caller = Caller("app:x", frozenset({role}), None)
    assert {action for action in Action if may(caller, action, "acme")} == ALLOWED[role]


def test_a_tenant_reads_itself_and_nothing_else() -> None:
    caller = Caller("user:x", frozenset(), "acme")
    assert {action for action in Action if may(caller, action, "acme")} == {Action.READ_TENANT}
    assert not any(may(caller, action, "globex") for action in Action)
    assert not any(may(caller, action) for action in Action)


def test_who_belongs_to_no_tenant_reads_none() -> None:
    assert not may(Caller("user:x", frozenset(), None), Action.READ_TENANT, None)
