"""Reads what a client asks and says it as an upstream wants to hear it; it sends nothing."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from ccledger.core.asgi import Receive, Scope
from ccledger.core.call import Failer
from ccledger.sources.gateway.bodies import Taking, each_piece, take_body
from ccledger.sources.gateway.caller import Question
from ccledger.sources.gateway.forms import OpenAI
from ccledger.sources.gateway.heads import Asking
from ccledger.sources.gateway.refused import Refused
from ccledger.sources.gateway.routes import Route, can_pass, is_plain
from ccledger.sources.gateway.upstream import Headers
from ccledger.wire.asked import Asked, Malformed, read_request
from ccledger.wire.chat.errors import ChatRefused
from ccledger.wire.chat.request import convert_request

_VERSION: Final = (b"anthropic-version", b"2023-06-01")
_JSON: Final = (b"content-type", b"application/json")
_PASSED_FROM_CHAT: Final = frozenset(
    (b"user-agent", b"anthropic-beta", b"x-claude-code-session-id", b"x-claude-code-agent-id")
)
_SMALL: Final = 1 << 20
"""Bytes up to which a body is taken whole, so that it can be sent again by another account."""
_BODILESS: Final = ("GET", "HEAD", "DELETE", "OPTIONS")
_WRONG_METHOD: Final = "this method is not one of the API's"
_WRONG_PATH: Final = "the path must not contain '.', '..', backslashes or control characters"
_WRONG_TYPE: Final = "the content-type must be application/json"


async def read_messages(
    scope: Scope, receive: Receive, route: Route, asking: Asking, taking: Taking
) -> tuple[Question, Asked]:
    """A request in Anthropic's form: it passes as it is."""
    _expect_json(asking)
    body = await take_body(receive, asking.length, taking)
    return _question(scope, route.path, asking.forward, body), _read(body)


async def read_chat(
    receive: Receive, route: Route, asking: Asking, taking: Taking, form: OpenAI
) -> tuple[Question, Asked]:
    """A request in OpenAI's form, said in Anthropic's."""
    _expect_json(asking)
    body = await take_body(receive, asking.length, taking)
    try:
        converted = convert_request(body)
    except ChatRefused as refused:
        raise Refused(400, str(refused), Failer.CLIENT, body=refused.body()) from None
    form.ask = converted.ask
    kept = [entry for entry in asking.forward if entry[0] in _PASSED_FROM_CHAT]
    return Question(b"POST", route.path, b"", [_JSON, _VERSION, *kept], converted.body), _read(converted.body)


async def read_other(scope: Scope, receive: Receive, route: Route, asking: Asking, taking: Taking) -> Question:
    """Any other request: it passes as it is, a long body while it comes."""
    path = _path(scope) if route.endpoint != "models" else route.path
    if asking.length is None and scope["method"] in _BODILESS:
        return _question(scope, path, asking.forward, b"")
    if asking.length is not None and asking.length <= _SMALL:
        return _question(scope, path, asking.forward, await take_body(receive, asking.length, taking))
    length = [] if asking.length is None else [(b"content-length", b"%d" % asking.length)]
    return _question(scope, path, [*asking.forward, *length], each_piece(receive))


async def read_whole(scope: Scope, receive: Receive, asking: Asking, taking: Taking) -> Question:
    """The same with the body taken whole, because somebody has to look into it."""
    path = _path(scope)
    return _question(scope, path, asking.forward, await take_body(receive, asking.length, taking))


def for_models(question: Question) -> Question:
    """A question for the list of models by a client that does not know Anthropic's API."""
    return question._replace(query=b"" if "/models/" in question.path else b"limit=1000", headers=[_VERSION])


def _question(scope: Scope, path: str, headers: Headers, body: Any) -> Question:
    return Question(scope["method"].encode("ascii"), path, scope["query_string"], headers, body)


def _path(scope: Scope) -> str:
    """The path of a request that passes as it is."""
    if not can_pass(scope["method"]):
        raise Refused(405, _WRONG_METHOD, Failer.CLIENT)
    if not is_plain(scope["path"]):
        raise Refused(400, _WRONG_PATH, Failer.CLIENT)
    return scope["raw_path"].decode("ascii")


def _read(body: bytes) -> Asked:
    try:
        return read_request(body)
    except Malformed as malformed:
        raise Refused(400, str(malformed), Failer.CLIENT) from None


def _expect_json(asking: Asking) -> None:
    kind = next((value for name, value in asking.forward if name == b"content-type"), b"")
    if kind and b"json" not in kind.lower():
        raise Refused(415, _WRONG_TYPE, Failer.CLIENT)


class _Named(Struct, gc=False):
    model: Any = None


class _Params(_Named, gc=False):
    tools: list[_Named] | None = None
    fallbacks: list[_Named] | None = None

    def models(self) -> list[Any]:
        return [self.model, *(one.model for one in (*(self.tools or ()), *(self.fallbacks or ())))]


class _Request(Struct, gc=False):
    params: _Params | None = None


class _Asking(_Params, gc=False):
    requests: list[_Request] = []


_decode = msgspec.json.Decoder(_Asking).decode


def models_in(body: bytes) -> set[str]:
    """Every model that a body asks for, a batch's included. Raises `Refused` when nobody can tell."""
    try:
        asked = _decode(body) if body else _Asking()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "the body must be a JSON object, as the API describes it", Failer.CLIENT) from None
    asking = [asked, *(request.params for request in asked.requests if request.params is not None)]
    return {model for one in asking for model in one.models() if isinstance(model, str)}
