"""Bad input at the gateway: each has its outcome, and none costs the client its answer."""

import json

import pytest

from tests.policies.exchanges import CHAT, CHAT_ANSWER, answer, data, run, stream
from tests.policies.gateway import Gateway


@pytest.mark.parametrize("body", ["", "{", "nonsense", "[]", "null", "7", '"text"', '{"a":}'])
@pytest.mark.parametrize("values", ["plain", "everything"])
def test_a_body_that_cannot_be_read_goes_on_as_it_is_to_be_refused_by_the_backend(
    gateway: Gateway, body: str, values: str
) -> None:
    done = run(gateway, body=body, values=values, backend=answer({"error": {}}, 400))
    assert (done["end"], done["forwarded"]["body"]) == ("outbound", body)
    told = done["events"][0]["event"]["data"]
    assert (told["status"], told["tokens"], told["deployment"]) == (400, "absent", "gpt-4o")


def test_a_request_without_a_body_is_told_of(gateway: Gateway) -> None:
    told = data(gateway, "openai-v1", body=None, backend=answer({"error": {}}, 400))
    assert told["tokens"] == "absent"
    assert "deployment" not in told


def test_a_multipart_body_is_not_read(gateway: Gateway) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    done = run(gateway, "openai-v1", path="/v1/audio/transcriptions", body="--x--", headers=headers)
    assert done["forwarded"]["body"] == "--x--"
    assert "deployment" not in done["events"][0]["event"]["data"]


def test_a_body_under_another_name_is_read_all_the_same(gateway: Gateway) -> None:
    # Otherwise a header would be enough to get around the verdict on a model.
    headers = {"Content-Type": "text/plain"}
    told = data(gateway, "openai-v1", body={"model": "o3"}, headers=headers)
    assert told["requested_model"] == "o3"


@pytest.mark.parametrize("said", ["true", "false", 1, 0, None, [], {}])
def test_a_stream_that_is_no_boolean_is_no_stream(gateway: Gateway, said: object) -> None:
    refused = answer({"error": {}}, 400)
    told = data(gateway, body=CHAT | {"stream": said}, backend=refused)
    assert (told["streamed"], told["tokens"]) == (False, "absent")


def test_but_what_is_streamed_back_is_one_whatever_was_asked(gateway: Gateway) -> None:
    told = data(gateway, body=CHAT | {"stream": "true"}, backend=stream())
    assert (told["streamed"], told["tokens"]) == (True, "pending")


@pytest.mark.parametrize("text", ["<html></html>", "", "{", "[1]", "null", '"x"'])
def test_a_response_that_claims_to_be_json_and_is_not_passes_without_counts(
    gateway: Gateway, text: str
) -> None:
    done = run(gateway, backend=answer(text))
    assert (done["end"], done["response"]["body"]) == ("outbound", text)
    told = done["events"][0]["event"]["data"]
    assert (told["status"], told["tokens"]) == (200, "absent")


def test_a_response_that_is_no_json_is_not_read(gateway: Gateway) -> None:
    told = data(gateway, backend=answer(CHAT_ANSWER, Content_Type="application/octet-stream"))
    assert told["tokens"] == "absent"


def test_a_model_in_the_path_comes_before_one_in_the_body(gateway: Gateway) -> None:
    told = data(gateway, body=CHAT | {"model": "o3-pro"})
    assert (told["deployment"], told["requested_model"]) == ("gpt-4o", "gpt-4o")


def test_a_path_that_no_template_describes_still_names_its_deployment(gateway: Gateway) -> None:
    told = data(
        gateway, matched={}, path="/deployments/my%20gpt/chat/completions", body={"model": "o3"}
    )
    assert told["deployment"] == "my gpt"


@pytest.mark.parametrize("model", [..., None, 7, "", {}])
def test_a_request_without_a_model_names_none(gateway: Gateway, model: object) -> None:
    body = {"messages": []} if model is ... else {"messages": [], "model": model}
    told = data(gateway, "openai-v1", body=body, backend=answer({"error": {}}, 400))
    assert "deployment" not in told
    assert "requested_model" not in told


def test_a_model_of_endless_length_is_cut(gateway: Gateway) -> None:
    told = data(gateway, "openai-v1", body={"model": "m" * 90_000})
    assert told["requested_model"] == "m" * 256


def test_headers_of_endless_length_are_cut_and_empty_ones_left_out(gateway: Gateway) -> None:
    told = data(gateway, headers={"x-use-case": "u" * 90_000, "x-end-user": "  "})
    assert told["use_case"] == "u" * 256
    assert "end_user" not in told


def test_a_header_with_quotes_and_breaks_stays_one_value(gateway: Gateway) -> None:
    told = data(gateway, headers={"x-use-case": 'a","tokens":"final\n\\'})
    assert told["use_case"] == 'a","tokens":"final\n\\'


def test_a_deeply_nested_body_is_weighed_without_recursion(gateway: Gateway) -> None:
    deep = "[" * 2000 + '"text"' + "]" * 2000
    told = data(gateway, body='{"messages":' + deep + "}")
    assert told["hold"]["prompt_tokens_estimate"] == 1


def test_a_status_that_no_client_can_get_is_told_as_500(gateway: Gateway) -> None:
    assert data(gateway, backend=answer({}, 999))["status"] == 500


def test_a_backend_that_does_not_answer_is_told_of(gateway: Gateway) -> None:
    done = run(gateway, backend={"fault": "Timeout", "status": 500})
    assert (done["end"], done["error"]) == ("on-error", "Timeout")
    told = done["events"][0]["event"]["data"]
    assert (told["status"], told["tokens"], told["deployment"]) == (500, "absent", "gpt-4o")


def test_a_client_that_leaves_before_the_answer_is_told_of(gateway: Gateway) -> None:
    told = data(gateway, backend={"fault": "ClientConnectionFailure", "status": None})
    assert (told["status"], told["tokens"]) == (499, "absent")


def test_a_body_of_a_megabyte_is_read_and_passed_on(gateway: Gateway) -> None:
    body = json.dumps(CHAT | {"messages": [{"role": "user", "content": "x" * 1_000_000}]})
    done = run(gateway, body=body, values="everything", admission=answer({"verdict": "allow"}))
    assert done["forwarded"]["body"] == body
    # 1,000,000 bytes and the four of "user".
    assert done["events"][0]["event"]["data"]["hold"]["prompt_tokens_estimate"] == 250_001
