"""Writes refusals in the forms that Anthropic's and OpenAI's clients understand; it never decides to refuse."""

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

_OPENAI_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_OPENAI_CODES = {
    401: "invalid_api_key",
    402: "insufficient_quota",
    404: "model_not_found",
    413: "request_too_large",
    429: "rate_limit_exceeded",
}


def error_type(status: int) -> str:
    """Anthropic's name for a kind of error, by HTTP status."""
    return _TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error")


def anthropic_error(status: int, message: str, request_id: str = "") -> bytes:
    """The body of a refusal of Anthropic's API; also the data of an `error` event."""
    body: dict[str, object] = {"type": "error", "error": {"type": error_type(status), "message": message}}
    if request_id:
        body["request_id"] = request_id
    return _encode(body)


def anthropic_error_event(status: int, message: str, request_id: str = "") -> bytes:
    """The event that ends a stream of Anthropic's API when it can't go on."""
    return b"event: error\ndata: " + anthropic_error(status, message, request_id) + b"\n\n"


def openai_error(status: int, message: str, param: str | None = None) -> bytes:
    """The body of a refusal of OpenAI's API; `param` names the field of the request that is meant."""
    kind = _OPENAI_TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    error = {"message": message, "type": kind, "param": param, "code": _OPENAI_CODES.get(status)}
    return _encode({"error": error})
