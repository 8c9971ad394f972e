"""Writes refusals in the form that Anthropic's clients understand; it never decides to refuse."""

import msgspec

_encode = msgspec.json.Encoder().encode

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""https://docs.anthropic.com/en/api/errors. The status tells clients whether to try again, the type what to say."""

_STATUSES = {kind: status for status, kind in _TYPES.items()} | {"api_error": 500, "timeout_error": 504}


def error_type(status: int) -> str:
    """Anthropic's name for a kind of error, by HTTP status."""
    return _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")


def status_of(kind: str) -> int:
    """The HTTP status that goes with an error of Anthropic's, by its name; 500 for one that nobody knows."""
    return _STATUSES.get(kind, 500)


def anthropic_error(status: int, message: str, request_id: str = "") -> bytes:
    """The body of a refusal of Anthropic's API."""
    body: dict[str, object] = {"type": "error", "error": {"type": error_type(status), "message": message}}
    if request_id:
        body["request_id"] = request_id
    return _encode(body)
