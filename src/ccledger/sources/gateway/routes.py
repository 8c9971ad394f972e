"""Which addresses the gateway answers, and what each of them is; it answers none."""

import re
from enum import Enum
from typing import Final, NamedTuple


class Kind(Enum):
    """How a request is dealt with."""

    MESSAGES = "messages"
    """Asks a model, in Anthropic's form."""
    CHAT = "chat"
    """Asks a model, in OpenAI's form."""
    MODELS = "models"
    PASS = "pass"
    """Goes to the upstream and back as it is."""
    HELLO = "hello"
    """Claude Code asks whether anybody is there."""
    EVENTS = "events"
    """Claude Code reports what it did; nobody here needs it."""


class Route(NamedTuple):
    """What a request is."""

    kind: Kind
    endpoint: str
    """As `core.call.Exchange.endpoint` names it."""
    path: str
    """Where the upstream expects it."""


_EVENTS: Final = frozenset(("/api/event_logging/batch", "/api/event_logging/v2/batch", "/v1/api/event_logging/batch"))
_OBJECT: Final = re.compile(r"(?=[^/]*[0-9_])[^/]{12,}|[^/]{24,}")
"""A part of a path that names one object among many, as `msgbatch_013Zva2CMHLNnXjNJJKqJ2EF` does."""
_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
"""What passes. An upstream that answered TRACE would show the account's credential to the client."""
_UNWANTED: Final = re.compile(r"[\x00-\x20\x7f\\]|(?:^|/)\.{1,2}(?:/|$)")
"""What no path of the API has, and what would lead elsewhere on the upstream's server."""
_KIND: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
_MOST_PARTS: Final = 6
_KNOWN: Final = {
    ("POST", "/v1/messages"): Route(Kind.MESSAGES, "messages", "/v1/messages"),
    ("POST", "/v1/v1/messages"): Route(Kind.MESSAGES, "messages", "/v1/messages"),
    ("POST", "/v1/chat/completions"): Route(Kind.CHAT, "chat", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"): Route(Kind.PASS, "count_tokens", "/v1/messages/count_tokens"),
    ("GET", "/v1/models"): Route(Kind.MODELS, "models", "/v1/models"),
}
_MODEL: Final = "/v1/models/"
_HELLO: Final = Route(Kind.HELLO, "hello", "")
_REPORT: Final = Route(Kind.EVENTS, "events", "")


def find_route(method: str, path: str) -> Route | None:
    """What a request to a path is; None when it is not the gateway's."""
    known = _KNOWN.get((method, path))
    if known is not None:
        return known
    if path == "/api/hello" and method in ("GET", "HEAD"):
        return _HELLO
    if path in _EVENTS:
        return _REPORT if method == "POST" else None
    if path.startswith(_MODEL) and method == "GET" and "/" not in path.removeprefix(_MODEL):
        return Route(Kind.MODELS, "models/*", path)
    if path.startswith("/v1/"):
        # Many servers take these for one; a call must not pass by its meter because of that.
        plain = "/" + "/".join(filter(None, path.split("/")))
        return _KNOWN.get((method, plain)) or Route(Kind.PASS, _endpoint(path), path)
    return None


def can_pass(method: str) -> bool:
    """Whether requests of this method pass to an upstream."""
    return method in _METHODS


def is_plain(path: str) -> bool:
    """Whether a decoded path leads to where it seems to lead."""
    return _UNWANTED.search(path) is None


def _endpoint(path: str) -> str:
    """The path of a kind of endpoint: what names one object becomes a star."""
    parts = [part for part in path.removeprefix("/v1/").split("/") if part][:_MOST_PARTS]
    return "/".join(part if _KIND.fullmatch(part) and not _OBJECT.fullmatch(part) else "*" for part in parts) or "*"
