"""Every refusal and failure in one shape, `{"error": text}`; it tells callers nothing of the inside, the log all."""

import logging
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, WebSocketDisconnect
from msgspec import Struct

from ccledger.core.asgi import Headers, Send
from ccledger.core.errors import LedgerError, UsageError
from ccledger.stats.words import about

_DOCUMENT = "/api/v1/openapi.json"
NOTHING_HERE = f"there is nothing at this address; {_DOCUMENT} lists what there is"
_OUR_FAULT = "something went wrong here; the server's log says what"
_NO_LEDGER = "the ledger can't be read right now; the server's log says why"
_TOO_DEEP = "the body is nested too deeply; make it flat"
"""The only recursion here is that of whoever nests lists in lists."""

_LOG = logging.getLogger(__name__)


class Problem(Struct, frozen=True):
    """Why a request was not answered."""

    error: Annotated[str, about("What is wrong, and what to do.")]


async def log_error(error: Exception, scope: Any) -> None:
    """Writes down what is not the caller's doing."""
    if not isinstance(error, HTTPException | WebSocketDisconnect | UsageError | RecursionError):
        _LOG.error("%r could not be answered", scope["path"], exc_info=error)


def answer_error(_: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The answer to a request that ended in an error."""
    match error:
        case HTTPException(status_code=405):
            return _refuse_method(error)
        case HTTPException():
            return _respond(error.status_code, _text(error), error.headers or {})
        case UsageError():
            return _respond(400, str(error), {})
        case RecursionError():
            return _respond(400, _TOO_DEEP, {})
        case LedgerError():
            return _respond(503, _NO_LEDGER, {})
        case _:
            return _respond(500, _OUR_FAULT, {})


def _respond(status: int, text: str, headers: dict[str, str]) -> Response[Problem]:
    return Response(Problem(text), status_code=status, headers=headers, media_type="application/json")


def _refuse_method(error: HTTPException) -> Response[Problem]:
    taken = [name for name in (error.headers or {}).get("allow", "").split(", ") if name.isupper()]
    allowed = ", ".join(sorted({*taken, "HEAD"} if "GET" in taken else taken))
    return _respond(405, f"this address takes {allowed}", {"allow": allowed})


def _text(error: HTTPException) -> str:
    if error.status_code == 404 and error.detail == "Not Found":
        return NOTHING_HERE
    extra: Any = error.extra if isinstance(error.extra, list) else ()
    wrong = [f"{entry['key']}: {entry['message']}" for entry in extra if "key" in entry and "message" in entry]
    return f"{'; '.join(wrong)}; {_DOCUMENT} says what is accepted" if wrong else error.detail


def encode_problem(text: str) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The body and the headers of an answer that no route gives."""
    body = msgspec.json.encode(Problem(text))
    return body, [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]


async def refuse(send: Send, status: int, text: str, event: str = "http.response", headers: Headers = ()) -> None:
    """Answers a request that reaches no route."""
    body, described = encode_problem(text)
    await send({"type": f"{event}.start", "status": status, "headers": [*described, *headers]})
    await send({"type": f"{event}.body", "body": body, "more_body": False})


def log_refusal(what: str, address: str) -> None:
    """Writes down that somebody could not sign in, and never with what."""
    _LOG.warning("sign-in refused: wrong %s from %s", what, address)
