"""The registration in Entra ID: roles and ids that installed registrations have."""

import re
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from metering.core.tenancy.access import Role
from tests.bicep.bicep_text import parameters, resources, text_of, variables
from tools.bicep_syntax import BICEP

ENTRA: Final = BICEP / "entra.bicep"
#: Earlier versions made the ids of roles from their names; a role under another id is another role.
_ROLES: Final = uuid5(NAMESPACE_URL, "urn:metering:app-roles")


def _application() -> str:
    text = text_of(ENTRA)
    return text[text.index("resource application") : text.index("resource principal")]


def test_roles_keep_the_ids_that_installed_registrations_have() -> None:
    ids = variables(ENTRA)["roles"]
    assert ids == {role.name.lower(): str(uuid5(_ROLES, role.value)) for role in Role}
    assert variables(ENTRA)["scopeId"] == str(uuid5(_ROLES, "user_impersonation"))


def test_every_role_of_the_api_is_defined_with_its_value() -> None:
    defined = re.findall(r"id: roles\.(\w+)\n\s+value: '([\w.]+)'", _application())
    assert defined == [(role.name.lower(), role.value) for role in Role]


def test_every_role_has_holders_under_its_own_id() -> None:
    assigned = {
        found["appRoleId"]
        for _, (kind, found) in resources(ENTRA).items()
        if kind.startswith("Microsoft.Graph/appRoleAssignedTo")
    }
    assert assigned == {f"roles.{role.name.lower()}" for role in Role}


def test_the_registration_is_the_one_that_earlier_versions_made() -> None:
    assert (parameters(ENTRA)["uniqueName"].text or b"").endswith(b"= 'metering'")
    assert "uniqueName: uniqueName" in _application()


def test_lists_that_are_replaced_as_a_whole_are_never_empty_by_default() -> None:
    for name in ("hosts", "clients", "operators", "gateways"):
        declared = (parameters(ENTRA)[name].text or b"").decode()
        assert "=" not in declared, name
        assert re.search(rf"@minLength\(1\)\nparam {name} ", text_of(ENTRA)), name


def test_tokens_are_as_the_api_reads_them_and_the_address_needs_no_client_id() -> None:
    application = _application()
    assert "requestedAccessTokenVersion: 2" in application
    assert "signInAudience: 'AzureADMyOrg'" in application
    assert "enableIdTokenIssuance: true" in application
    assert "'https://${toLower(host)}/.auth/login/aad/callback'" in application
    assert variables(ENTRA)["address"] == "'api://${tenant().tenantId}/${uniqueName}'"
    audience = (parameters(BICEP / "main.bicep")["apiAudience"].text or b"").decode()
    assert "'api://${tenant().tenantId}/metering'" in audience


def test_no_password_is_asked_for() -> None:
    assert "passwordCredentials" not in text_of(ENTRA)
