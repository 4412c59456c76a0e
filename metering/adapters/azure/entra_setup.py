"""Sets up Entra ID for the API: the app registration with its roles, and who has them.

Bicep cannot. Every step looks first and changes only what differs, so running it again, also after
a run that ended in the middle, changes nothing that is right. Nothing is ever taken away.
"""

from collections.abc import Mapping, Sequence

from metering.adapters.azure.entra_registration import changes_of
from metering.adapters.azure.graph import Graph, Json
from metering.core.basics.errors import ConfigurationError
from metering.core.installation.identity_setup import Done, Identity, Step
from metering.core.tenancy.access import Role


class EntraSetup:
    """One run."""

    def __init__(self, graph: Graph, name: str, *, dry_run: bool = False) -> None:
        """Take the unique name of the registration; `dry_run` only says what would be done."""
        self._graph = graph
        self._name = name
        self._dry_run = dry_run
        self._steps: list[Step] = []

    async def run(
        self, holders: Mapping[Role, Sequence[str]], hosts: Sequence[str] = ()
    ) -> Identity:
        """Set it up, give the roles to their holders, by object id, and let browsers sign in.

        `hosts` are those of the function app, in lower case; without one no browser signs in yet.
        RetryableError when Graph is busy or out of reach, ConfigurationError when it refuses.
        """
        tenant = await self._tenant()
        application = await self._application()
        if application is None:
            return Identity(tenant, "", "", tuple(self._steps))
        roles = await self._settle_application(application, hosts)
        principal = await self._principal(application["appId"])
        wanted = [(one, role) for role, ones in holders.items() for one in ones]
        await self._assign(principal, roles, wanted)
        principal_id = "" if principal is None else principal["id"]
        return Identity(tenant, application["appId"], principal_id, tuple(self._steps))

    async def _tenant(self) -> str:
        try:
            found = await self._graph.list_all("/organization?$select=id")
        except ConfigurationError:
            # Not everybody may ask; it is only for the settings that are told at the end.
            return ""
        return str(found[0]["id"]) if found else ""

    async def _application(self) -> Json | None:
        """Return the registration, made if it is not there; None if it only would be."""
        path = f"/applications(uniqueName='{self._name}')"
        found = await self._graph.find(path)
        what = f"app registration {self._name}"
        if found is not None:
            self._note(what, "was there")
            return found
        if self._dry_run:
            self._note(what, "would be created")
            return None
        # One request that makes it or finds it: two runs at once make one registration.
        made = await self._graph.send(
            "PATCH", path, {"displayName": self._name}, prefer="create-if-missing"
        )
        found = await self._graph.find(f"/applications/{made['id']}", is_new=True) if made else None
        found = found or await self._graph.find(path, is_new=True)
        if found is None:
            raise ConfigurationError(f"{what}: was created and cannot be read: run it again")
        self._note(what, "created")
        return found

    async def _settle_application(self, application: Json, hosts: Sequence[str]) -> dict[str, str]:
        """Change what differs, and return the ids of the roles by value."""
        changes, whats = changes_of(application, hosts)
        for what in whats:
            self._note(what, "would be changed" if self._dry_run else "changed")
        if not whats:
            self._note("its roles, audience, token version and sign-in", "was there")
        elif not self._dry_run:
            path = f"/applications/{application['id']}"
            await self._graph.send("PATCH", path, changes, is_new=True)
        roles = changes.get("appRoles") or application.get("appRoles") or []
        return {role["value"]: role["id"] for role in roles}

    async def _principal(self, client_id: str) -> Json | None:
        """Return the service principal of the registration, made if it is not there.

        Who has no role gets tokens too, unless somebody set it otherwise: members of tenants have
        none. What they may do is decided here, and without a tenant it is nothing.
        """
        path = f"/servicePrincipals(appId='{client_id}')"
        found = await self._graph.find(path)
        what = "service principal"
        if found is None:
            if self._dry_run:
                self._note(what, "would be created")
                return None
            made = await self._graph.send(
                "POST",
                "/servicePrincipals",
                {"appId": client_id},
                is_new=True,
            )
            self._note(what, "created")
            return made
        self._note(what, "was there")
        return found

    async def _assign(
        self, principal: Json | None, roles: dict[str, str], wanted: Sequence[tuple[str, Role]]
    ) -> None:
        path = (
            "" if principal is None else f"/servicePrincipals/{principal['id']}/appRoleAssignedTo"
        )
        is_new = any(step.done in {"created", "changed"} for step in self._steps)
        there: set[tuple[str, str]] = set()
        if principal is not None and wanted:
            held = await self._graph.list_all(path, is_new=is_new)
            there = {(one["principalId"], one["appRoleId"]) for one in held}
        for holder, role in wanted:
            what = f"role {role.value} of {holder}"
            if (holder, roles[role.value]) in there:
                self._note(what, "was there")
            elif self._dry_run or principal is None:
                self._note(what, "would be created")
            else:
                given = {
                    "principalId": holder,
                    "resourceId": principal["id"],
                    "appRoleId": roles[role.value],
                }
                await self._graph.send("POST", path, given, is_new=is_new, may_exist=True)
                self._note(what, "created")

    def _note(self, what: str, done: Done) -> None:
        self._steps.append(Step(what, done))
