"""The findings of a preflight that no installation on a double shows."""

from pathlib import Path
from typing import Final

from metering.core.installation.deployment_parameters import read_parameters
from metering.core.installation.preflight import OWN_APIS, PROVIDERS, Grants, permissions

BICEP: Final = Path(__file__).parents[3] / "bicep"
DEV = read_parameters((BICEP / "main.dev.bicepparam").read_text(encoding="utf-8"), {})


def test_a_denied_action_is_not_allowed_by_another_pattern() -> None:
    contributor = Grants(["*"], ["Microsoft.Authorization/*/Write"])
    assert permissions(DEV, [contributor]).state == "fail"
    access = Grants(["microsoft.authorization/roleassignments/*"], [])
    assert permissions(DEV, [contributor, access]).state == "ok"
    roles = permissions(DEV._replace(makes_role=True), [contributor, access])
    assert "roleDefinitions/write" in roles.detail


def test_every_namespace_in_the_templates_is_asked_for() -> None:
    texts = [path.read_text(encoding="utf-8") for path in BICEP.rglob("*.bicep")]
    for name in (*PROVIDERS, "Microsoft.Network"):
        assert any(f"'{name}/" in text for text in texts), name
    assert all(any(f"'{name}'" in text for text in texts) for name in OWN_APIS)
