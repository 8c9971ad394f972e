"""Errors of Anthropic's in OpenAI's shape."""

import json

import pytest

from ccledger.wire.chat.errors import convert_error, error_event


def error(status: int, type_: str, message: str = "No.") -> dict[str, object]:
    body = json.dumps({"type": "error", "error": {"type": type_, "message": message}}).encode()
    return json.loads(convert_error(status, body))["error"]


@pytest.mark.parametrize(
    ("status", "type_", "made", "code"),
    [
        (400, "invalid_request_error", "invalid_request_error", None),
        (401, "authentication_error", "invalid_request_error", "invalid_api_key"),
        (402, "billing_error", "insufficient_quota", "insufficient_quota"),
        (403, "permission_error", "permission_error", "permission_denied"),
        (404, "not_found_error", "invalid_request_error", "not_found"),
        (413, "request_too_large", "invalid_request_error", "request_too_large"),
        (429, "rate_limit_error", "rate_limit_error", "rate_limit_exceeded"),
        (500, "api_error", "server_error", None),
        (504, "timeout_error", "server_error", "timeout"),
        (529, "overloaded_error", "server_error", "overloaded"),
        (418, "teapot_error", "invalid_request_error", None),
        (429, "brand_new_error", "rate_limit_error", "rate_limit_exceeded"),
        (503, "brand_new_error", "server_error", None),
    ],
)
def test_kinds_of_errors(status: int, type_: str, made: str, code: str | None) -> None:
    assert error(status, type_) == {"message": "No.", "type": made, "param": None, "code": code}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", "context_length_exceeded"),
        ("input length and `max_tokens` exceed context limit: 1 + 2 > 2", "context_length_exceeded"),
        ("messages: at least one", None),
    ],
)
def test_a_full_context_has_the_code_that_clients_look_for(message: str, code: str | None) -> None:
    assert error(400, "invalid_request_error", message)["code"] == code


def test_a_model_that_does_not_exist_has_one_too() -> None:
    assert error(404, "not_found_error", "model: claude-9")["code"] == "model_not_found"


def test_the_request_id_is_kept() -> None:
    body = b'{"type":"error","error":{"type":"api_error","message":"No."},"request_id":"req_1"}'
    assert json.loads(convert_error(500, body))["request_id"] == "req_1"


@pytest.mark.parametrize("body", [b"", b"<html>secret</html>", b"[]", b'{"error":"secret"}', b"\xff", b"[" * 99_999])
def test_a_strange_body_is_not_repeated(body: bytes) -> None:
    made = json.loads(convert_error(502, body))["error"]
    assert made == {
        "message": "The upstream answered with status 502.",
        "type": "server_error",
        "param": None,
        "code": None,
    }
    assert json.loads(convert_error(429, body))["error"]["code"] == "rate_limit_exceeded"


def test_an_error_of_a_stream_is_an_event() -> None:
    told = error_event(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')
    assert told.startswith(b"data: {")
    assert told.endswith(b"}\n\n")
