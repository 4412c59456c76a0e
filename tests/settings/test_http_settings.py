"""Settings of the HTTP part: each that is wrong is named."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.settings.http import DEFAULT_RATE_LIMIT, Auth, Http, read_http
from metering.settings.settings import read_settings

TENANT = "11111111-2222-3333-4444-55555555555A"
CLIENT = "66666666-7777-8888-9999-00000000000b"
GIVEN = {
    "METERING_AUTH_ISSUER": "https://login.microsoftonline.com/x/v2.0",
    "METERING_AUTH_AUDIENCE": CLIENT,
    "METERING_AUTH_TENANT": TENANT,
}


def test_without_settings_no_issuer_is_taken_and_no_header_believed() -> None:
    expected = Http(None, app_service_directory=None, rate_limit=DEFAULT_RATE_LIMIT, in_azure=False)
    assert read_settings({}).http == expected


def test_an_issuer_comes_with_its_audience_and_directory() -> None:
    assert read_http(GIVEN).auth == Auth(GIVEN["METERING_AUTH_ISSUER"], CLIENT, TENANT.lower())


@pytest.mark.parametrize("audience", [f"api://{CLIENT}", f"api://{CLIENT.upper()}"])
def test_the_address_of_the_api_is_as_good_as_its_client_id(audience: str) -> None:
    auth = read_http({**GIVEN, "METERING_AUTH_AUDIENCE": audience}).auth
    assert auth is not None
    assert auth.audience == CLIENT


def test_tokens_of_another_issuer_have_the_audience_that_is_said() -> None:
    given = {
        "METERING_AUTH_ISSUER": "https://x.example",
        "METERING_AUTH_AUDIENCE": "api://metering",
    }
    auth = read_http({**GIVEN, **given}).auth
    assert auth is not None
    assert auth.audience == "api://metering"


@pytest.mark.parametrize("name", GIVEN)
def test_each_part_of_sign_in_is_needed(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: is not set"):
        read_http({**GIVEN, name: ""})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("METERING_AUTH_ISSUER", "http://login.example"),
        ("METERING_AUTH_ISSUER", "login.microsoftonline.com"),
        ("METERING_AUTH_ISSUER", "https://"),
        ("METERING_AUTH_ISSUER", "https://login.example/?x"),
        ("METERING_AUTH_AUDIENCE", "api://metering"),
        ("METERING_AUTH_TENANT", "common"),
        ("METERING_APP_SERVICE_AUTH", "yes"),
        ("METERING_RATE_LIMIT", "0"),
        ("METERING_RATE_LIMIT", "1.5"),
        ("METERING_RATE_LIMIT", "many"),
    ],
)
def test_what_is_wrong_is_named(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        read_http({**GIVEN, name: text})


def test_an_issuer_on_this_machine_may_be_plain_http() -> None:
    auth = read_http({**GIVEN, "METERING_AUTH_ISSUER": "http://127.0.0.1:8080"}).auth
    assert auth is not None


def test_the_other_settings_say_what_they_say() -> None:
    assert read_http({"METERING_RATE_LIMIT": "5"}).rate_limit == 5
    assert read_http({"METERING_RATE_LIMIT": "off"}).rate_limit is None
    assert read_http({"WEBSITE_INSTANCE_ID": "a1"}).in_azure


@pytest.mark.parametrize("enabled", ["True", "true"])
def test_the_platform_and_the_operator_together_turn_its_headers_on(enabled: str) -> None:
    given = {**GIVEN, "METERING_APP_SERVICE_AUTH": "on", "WEBSITE_AUTH_ENABLED": enabled}
    assert read_http(given).app_service_directory == TENANT.lower()


@pytest.mark.parametrize(
    "given",
    [
        {"METERING_APP_SERVICE_AUTH": "on"},
        {"METERING_APP_SERVICE_AUTH": "on", "WEBSITE_AUTH_ENABLED": "False"},
        {"METERING_APP_SERVICE_AUTH": "off", "WEBSITE_AUTH_ENABLED": "True"},
        {"WEBSITE_AUTH_ENABLED": "True"},
    ],
)
def test_neither_alone_turns_its_headers_on(given: dict[str, str]) -> None:
    assert read_http({**GIVEN, **given}).app_service_directory is None


@pytest.mark.parametrize("platform", [{}, {"WEBSITE_AUTH_ENABLED": "True"}])
def test_people_of_no_directory_are_never_accepted(platform: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="^METERING_AUTH_TENANT: is not set, but METERING"):
        read_settings({"METERING_APP_SERVICE_AUTH": "on", **platform})
