"""Reads what a request to a Claude model asks for; it decodes a few fields only and never changes the request."""

import re
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from ccledger.core.call import Terms
from ccledger.core.errors import UsageError
from ccledger.wire.usage import object_in, storable, text_in

_LONGEST_MODEL = 256
_LONGEST_NAME = 200
_OLD_NAME = re.compile(r"user_(?P<user>[^_]+)_account_(?P<account>[^_]*)_session_(?P<session>[^_]+)")
_ENCODED = re.compile(rb'"data"\s*:\s*"([^"\\]{1000,})"')
_BYTES_PER_PICTURE = 5_600
"""What a picture or document in base64 counts for: about 1,600 tokens, whatever its size in bytes."""


class Malformed(UsageError):
    """A request or answer that is not what the API speaks; the text says what is wrong."""


class Asked(NamedTuple):
    """What a request asks for."""

    model: str
    stream: bool = False
    max_tokens: int | None = None
    user: str = ""
    """The device or account holder, as Claude Code names it in `metadata.user_id`; any other user id as it is."""
    account: str = ""
    session: str = ""
    text_bytes: int = 0
    """Bytes of what the model is given to read: messages, system prompt and tools."""
    terms: int = 0
    """The `Terms` bits asked for."""


class _Request(Struct, gc=False):
    model: Any = None
    stream: Any = None
    max_tokens: Any = None
    metadata: Any = None
    speed: Any = None
    inference_geo: Any = None
    messages: Raw = Raw()
    system: Raw = Raw()
    tools: Raw = Raw()


class _Names(Struct, gc=False):
    device_id: Any = None
    account_uuid: Any = None
    session_id: Any = None


_decode = msgspec.json.Decoder(_Request).decode
_decode_names = msgspec.json.Decoder(_Names).decode


def read_request(body: bytes) -> Asked:
    """What a body of `POST /v1/messages` asks for. Raises `Malformed` where it is no such request.

    Fields beside the model are taken where they make sense; the upstream judges those that do not.
    """
    request = _decode_request(body)
    model = request.model
    if not isinstance(model, str) or not model.strip():
        raise Malformed("model: the request must name a model, for example claude-opus-5")
    if len(model) > _LONGEST_MODEL:
        raise Malformed(f"model: the name of a model has at most {_LONGEST_MODEL} characters")
    user, account, session = _names(object_in(request.metadata).get("user_id"))
    most = request.max_tokens
    return Asked(
        model=storable(model),
        stream=request.stream is True,
        max_tokens=most if isinstance(most, int) and not isinstance(most, bool) and most >= 0 else None,
        user=user,
        account=account,
        session=session,
        text_bytes=_text_bytes(request, body),
        terms=_terms(request),
    )


def estimate_tokens(text_bytes: int) -> int:
    """About how many tokens a text has: two for every seven bytes, in English, Chinese and code alike."""
    return -(-text_bytes * 2 // 7)


def _decode_request(body: bytes) -> _Request:
    try:
        # The decoder does not look into texts it skips.
        if not body.isascii():
            body.decode()
        return _decode(body)
    except UnicodeDecodeError as error:
        raise Malformed("The request body must be UTF-8") from error
    except msgspec.ValidationError as error:
        raise Malformed("The request body must be a JSON object") from error
    except msgspec.DecodeError as error:
        raise Malformed(f"The request body must be JSON: {error}") from error
    except RecursionError as error:
        raise Malformed("The request body is nested too deeply") from error


def _names(told: object) -> tuple[str, str, str]:
    """User, account and session in a `metadata.user_id`: Claude Code has written them in two ways."""
    text = text_in(told)
    if not text:
        return "", "", ""
    old = _OLD_NAME.fullmatch(text)
    if old is not None:
        return _name(old["user"]), _name(old["account"]), _name(old["session"])
    if not text.startswith("{"):
        return _name(text), "", ""
    try:
        names = _decode_names(text)
    except (msgspec.DecodeError, RecursionError):
        return _name(text), "", ""
    return _name(names.device_id), _name(names.account_uuid), _name(names.session_id)


def _name(told: object) -> str:
    return storable(text_in(told) or "")[:_LONGEST_NAME]


def _text_bytes(request: _Request, body: bytes) -> int:
    parts = (request.messages, request.system, request.tools)
    return max(0, sum(len(memoryview(part)) for part in parts) - _encoded_bytes(body))


def _encoded_bytes(body: bytes) -> int:
    """By how much pictures and documents are longer than what the model reads of them."""
    if b'"base64"' not in body:
        return 0
    return sum(max(0, found.end(1) - found.start(1) - _BYTES_PER_PICTURE) for found in _ENCODED.finditer(body))


def _terms(request: _Request) -> int:
    terms = Terms.FAST.value if request.speed == "fast" else 0
    return terms | Terms.US_ONLY.value if request.inference_geo == "us" else terms
