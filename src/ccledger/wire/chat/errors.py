"""Says in OpenAI's words that something failed; it never repeats a body that it could not read."""

from typing import NamedTuple

import msgspec
from msgspec import Struct

from ccledger.core.errors import LedgerError, UsageError


class ChatRefused(UsageError):
    """A chat completion that can't be asked of Claude; the text says what to change (HTTP 400)."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        """The field that is meant, as OpenAI writes it: `messages[2].content`."""
        self.code = code

    def body(self) -> bytes:
        """The answer's body in OpenAI's shape."""
        return error_body(str(self), "invalid_request_error", param=self.param, code=self.code)


class AnswerUnreadable(LedgerError):
    """The upstream answered with something that is no message; the text says so (HTTP 502)."""

    def body(self) -> bytes:
        """The answer's body in OpenAI's shape."""
        return error_body(str(self), "server_error", code="upstream_unreadable")


class _Error(Struct):
    type: str = ""
    message: str = ""


class _Body(Struct):
    error: _Error
    request_id: str | None = None


class _Kind(NamedTuple):
    type: str
    code: str | None = None


_KINDS = {
    "invalid_request_error": _Kind("invalid_request_error"),
    "authentication_error": _Kind("invalid_request_error", "invalid_api_key"),
    "permission_error": _Kind("permission_error", "permission_denied"),
    "billing_error": _Kind("insufficient_quota", "insufficient_quota"),
    "not_found_error": _Kind("invalid_request_error", "not_found"),
    "request_too_large": _Kind("invalid_request_error", "request_too_large"),
    "rate_limit_error": _Kind("rate_limit_error", "rate_limit_exceeded"),
    "timeout_error": _Kind("server_error", "timeout"),
    "api_error": _Kind("server_error"),
    "overloaded_error": _Kind("server_error", "overloaded"),
}
_BY_STATUS = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_TOO_LONG = ("prompt is too long", "exceed context limit")
"""How Anthropic's sentences about a full context window go; clients of OpenAI look for a code instead."""
_MODEL_PREFIX = "model:"
"""How Anthropic's sentence about a model that does not exist begins."""

_decode = msgspec.json.Decoder(_Body).decode


def convert_error(status: int, body: bytes) -> bytes:
    """Anthropic's error body in OpenAI's shape; it goes out under the same status.

    A body that is no error of Anthropic's (a proxy's page) is not repeated; only its status is told.
    Source: https://platform.claude.com/docs/en/api/errors.
    """
    try:
        told = _decode(body)
    except (ValueError, RecursionError):
        kind = _kind(status, "")
        return error_body(f"The upstream answered with status {status}.", kind.type, code=kind.code)
    error = told.error
    return _body(error, _kind(status, error.type), told.request_id)


def error_event(data: bytes) -> bytes:
    """The data of an `error` event of Anthropic's stream as an event of OpenAI's."""
    return b"data: " + convert_error(500, data) + b"\n\n"


def error_body(message: str, type_: str, *, param: str | None = None, code: str | None = None) -> bytes:
    """An error body in OpenAI's shape."""
    return msgspec.json.encode({"error": {"message": message, "type": type_, "param": param, "code": code}})


def _body(error: _Error, kind: _Kind, request_id: str | None) -> bytes:
    code = kind.code
    if any(words in error.message for words in _TOO_LONG):
        code = "context_length_exceeded"
    elif code == "not_found" and error.message.startswith(_MODEL_PREFIX):
        code = "model_not_found"
    told: dict[str, object] = {"message": error.message, "type": kind.type, "param": None, "code": code}
    return msgspec.json.encode({"error": told, "request_id": request_id} if request_id else {"error": told})


def _kind(status: int, type_: str) -> _Kind:
    known = _KINDS.get(type_)
    if known is not None:
        return known
    by_status = "invalid_request_error" if 400 <= status < 500 else "api_error"
    return _KINDS[_BY_STATUS.get(status, by_status)]
