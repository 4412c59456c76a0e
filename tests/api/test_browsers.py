"""Callers whose browser proves who they are unasked: only where it is on, and never by accident."""

import pytest

from metering.settings.http import Http
from tests.adapters.sign_in.test_app_service import header
from tests.api.issuer import TENANT
from tests.api.served import OF_ACME, Served, problem

PERSON = f"00000000-0000-0000-0000-{OF_ACME:012x}"
SIGNED_IN = {"x-ms-client-principal": header([("oid", PERSON), ("tid", TENANT)])}
OPERATOR = {
    "x-ms-client-principal": header(
        [("oid", PERSON), ("tid", TENANT), ("roles", "Metering.Operator")]
    )
}


async def test_the_header_is_nothing_unless_a_setting_says_so(api: Served) -> None:
    answer = await api.ask("GET", "/api/me/balance", headers=SIGNED_IN)
    assert problem(answer)["status"] == 401


class TestWhereItIsOn:
    @pytest.fixture
    def http(self, http: Http) -> Http:
        return http._replace(app_service_directory=TENANT)

    async def test_a_person_reads_their_tenant(self, api: Served) -> None:
        found = await api.get("/api/me/balance", headers=SIGNED_IN)
        assert found["tenant"] == "acme"
        assert (await api.ask("GET", "/api/tenants", headers=SIGNED_IN)).status_code == 403

    async def test_a_bearer_token_comes_first(self, api: Served) -> None:
        answer = await api.ask("GET", "/api/me/balance", "nonsense", headers=SIGNED_IN)
        assert answer.status_code == 401

    async def test_a_change_is_refused_unless_the_page_is_ours_and_means_it(
        self, api: Served
    ) -> None:
        async def change(**headers: str) -> int:
            told = {name.replace("_", "-"): value for name, value in headers.items()}
            answer = await api.ask("PUT", "/api/plans/pro", json={}, headers={**OPERATOR, **told})
            return answer.status_code

        assert await change() == 403
        assert await change(sec_fetch_site="same-origin") == 403
        assert await change(x_metering_intent="1", sec_fetch_site="cross-site") == 403
        assert await change(x_metering_intent="1", sec_fetch_site="same-site") == 403
        assert await change(x_metering_intent="1", sec_fetch_site="same-origin") == 200

    async def test_a_form_of_another_site_cannot_say_what_a_header_says(self, api: Served) -> None:
        answer = await api.ask(
            "OPTIONS",
            "/api/plans/pro",
            headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"},
        )
        assert "access-control-allow-origin" not in answer.headers
