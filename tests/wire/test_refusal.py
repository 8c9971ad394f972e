"""Refusals as the official clients of both APIs take them."""

from __future__ import annotations

import json

import anthropic
import httpx2
import openai
import pytest

from ccledger.wire.messages import Failure, StreamMeter, error_of
from ccledger.wire.refusal import anthropic_error, anthropic_error_event, error_type, openai_error

STATUSES = (400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529)
ANTHROPIC = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    413: (anthropic.RequestTooLargeError, "request_too_large"),
    422: (anthropic.UnprocessableEntityError, "invalid_request_error"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    502: (anthropic.InternalServerError, "api_error"),
    503: (anthropic.ServiceUnavailableError, "overloaded_error"),
    504: (anthropic.DeadlineExceededError, "timeout_error"),
    529: (anthropic.OverloadedError, "overloaded_error"),
}
OPENAI = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    503: openai.InternalServerError,
}


def answering(status: int, body: bytes) -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda _: httpx2.Response(status, content=body, headers={"request-id": "req_9"}))


@pytest.mark.parametrize("status", ANTHROPIC)
def test_anthropics_client_knows_what_is_meant(status: int) -> None:
    raised, kind = ANTHROPIC[status]
    with httpx2.Client(transport=answering(status, anthropic_error(status, "Say something else", "req_9"))) as http:
        client = anthropic.Anthropic(api_key="k", base_url="http://127.0.0.1:1", http_client=http, max_retries=0)
        with pytest.raises(raised, match="Say something else") as error:
            client.messages.create(model="m", max_tokens=1, messages=[])
    assert (error.value.status_code, error.value.type) == (status, kind)


@pytest.mark.parametrize("status", OPENAI)
def test_openais_client_knows_what_is_meant(status: int) -> None:
    with httpx2.Client(transport=answering(status, openai_error(status, "Say something else", "model"))) as http:
        client = openai.OpenAI(api_key="k", base_url="http://127.0.0.1:1", http_client=http, max_retries=0)
        with pytest.raises(OPENAI[status], match="Say something else") as error:
            client.chat.completions.create(model="m", messages=[])
    assert error.value.status_code == status
    assert error.value.param == "model"


@pytest.mark.parametrize("status", STATUSES)
def test_a_refusal_reads_back(status: int) -> None:
    says = 'a "quoted" 中文\nsentence'
    assert error_of(anthropic_error(status, says)) == Failure(error_type(status), says)
    read = error_of(openai_error(status, says))
    assert read is not None
    assert read.message == says


def test_a_request_id_stands_in_it_where_there_is_one() -> None:
    assert json.loads(anthropic_error(404, "no", "req_1")) == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "no"},
        "request_id": "req_1",
    }
    assert "request_id" not in json.loads(anthropic_error(404, "no"))
    assert json.loads(openai_error(401, "no")) == {
        "error": {"message": "no", "type": "authentication_error", "param": None, "code": "invalid_api_key"}
    }


def test_a_stream_can_end_with_one() -> None:
    meter = StreamMeter()
    meter.feed(anthropic_error_event(504, "too slow"))
    assert meter.failure == Failure("timeout_error", "too slow")
