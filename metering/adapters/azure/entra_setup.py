"""Setup of Entra ID for the API: the app registration with its roles, and the role assignments.

Every step reads first and changes only what differs, so a repeated run, also after an interrupted
one, leaves correct settings alone. No step removes anything.
"""

from collections.abc import Mapping, Sequence

from metering.adapters.azure.entra_registration import changes_of
from metering.adapters.azure.graph import Graph, Json
from metering.core.basics.errors import ConfigurationError
from metering.core.installation.identity_setup import Done, Identity, Step
from metering.core.tenancy.access import Role


class EntraSetup:
    """One run of the setup."""

    def __init__(self, graph: Graph, name: str, *, dry_run: bool = False) -> None:
        """`name` is the registration's unique name; `dry_run` changes nothing."""
        self._graph = graph
        self._name = name
        self._dry_run = dry_run
        self._steps: list[Step] = []

    async def run(
        self, holders: Mapping[Role, Sequence[str]], hosts: Sequence[str] = ()
    ) -> Identity:
        """Set up the registration, role assignments (by object id) and browser sign-in.

        `hosts` are the host names of the function app in lower case; without any, browser sign-in
        stays off. Raises RetryableError if Graph is busy or unreachable, ConfigurationError if it
        refuses.
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
            # Not every user may read it, and only the settings printed at the end need it.
            return ""
        return str(found[0]["id"]) if found else ""

    async def _application(self) -> Json | None:
        """Return the registration, created if missing; None in a dry run that would create it."""
        path = f"/applications(uniqueName='{self._name}')"
        found = await self._graph.find(path)
        what = f"app registration {self._name}"
        if found is not None:
            self._note(what, "was there")
            return found
        if self._dry_run:
            self._note(what, "would be created")
            return None
        # One request creates or finds it, so that concurrent runs create one registration.
        made = await self._graph.send(
            "PATCH", path, {"displayName": self._name}, prefer="create-if-missing"
        )
        found = await self._graph.find(f"/applications/{made['id']}", is_new=True) if made else None
        found = found or await self._graph.find(path, is_new=True)
        if found is None:
            raise ConfigurationError(
                f"{what}: was created but cannot be read yet: run the command again"
            )
        self._note(what, "created")
        return found

    async def _settle_application(self, application: Json, hosts: Sequence[str]) -> dict[str, str]:
        """Apply the changes; return the role ids by value."""
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
        """Return the service principal of the registration, created if missing.

        Users without a role get tokens too, unless the principal requires assignment: members of
        tenants have no role. The API authorises them by tenant, and denies those without one.
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
