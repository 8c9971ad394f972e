"""Refusals as the official client takes them."""

from __future__ import annotations

import json

import anthropic
import httpx2
import pytest

from ccledger.wire.messages import Failure, error_of
from ccledger.wire.refusal import anthropic_error, error_type, status_of

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


@pytest.mark.parametrize("status", STATUSES)
def test_a_refusal_reads_back(status: int) -> None:
    says = 'a "quoted" 中文\nsentence'
    assert error_of(anthropic_error(status, says)) == Failure(error_type(status), says)


def test_a_request_id_stands_in_it_where_there_is_one() -> None:
    assert json.loads(anthropic_error(404, "no", "req_1")) == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "no"},
        "request_id": "req_1",
    }
    assert "request_id" not in json.loads(anthropic_error(404, "no"))


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_follows_from_the_kind_of_error(status: int) -> None:
    assert error_type(status_of(error_type(status))) == error_type(status)
    assert status_of("something_new_error") == 500
