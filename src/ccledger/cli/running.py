"""Talks to the server that runs on the same data directory, through its Unix socket; it never starts one."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ccledger.core.errors import LedgerBusy, StoreError, UsageError

if TYPE_CHECKING:
    from ccledger.app import Surroundings
    from ccledger.ledger.store import Store
    from ccledger.settings import Settings

_IMPORT_SECONDS = 600.0
_CHANGE_SECONDS = 60.0
_HEALTH_SECONDS = 5.0
_PATIENCE_SECONDS = 10.0


class _Answer(NamedTuple):
    status: int
    body: bytes


def is_running(settings: "Settings") -> bool:
    """Whether a server answers."""
    return _ask(settings, "GET", "/api/health", _HEALTH_SECONDS) is not None


def import_by_server(settings: "Settings") -> bool:
    """Has a running server book what is on disk now; False when none runs.

    Raises `StoreError` when it runs and can't do it.
    """
    answer = _ask(settings, "POST", "/api/control/import", _IMPORT_SECONDS)
    if answer is None:
        return False
    if answer.status != 200:
        from ccledger.cli.output import note

        note(f"the running server has not booked everything yet ({_reason(answer.body)})")
    return True


def ask_server(settings: "Settings", path: str, body: bytes = b"", method: str = "POST") -> bytes | None:
    """Asks a running server at a path under `/api`, and answers what it said; None when none runs.

    Raises `UsageError` when the server finds no sense in it, `StoreError` when it can't do it.
    """
    answer = _ask(settings, method, f"/api/{path}", _CHANGE_SECONDS, body)
    if answer is None:
        return None
    if answer.status in (400, 404):
        raise UsageError(_reason(answer.body))
    if not 200 <= answer.status < 300:
        raise StoreError(f"the running server could not do that ({_reason(answer.body)})")
    return answer.body


def address_of_server(settings: "Settings") -> str | None:
    """Where the running server answers; None when none runs."""
    import json

    answer = ask_server(settings, "control/address", method="GET")
    return None if answer is None else str(json.loads(answer)["address"])


def is_good_key(settings: "Settings", key: str) -> bool | None:
    """Whether the running server lets a key in now; None when no server runs. The key is one printable word."""
    answer = _ask(settings, "GET", "/api/token/info", _CHANGE_SECONDS, told=f"authorization: Bearer {key}\r\n")
    return None if answer is None else answer.status == 200


@contextmanager
def held_unless_served(settings: "Settings", surroundings: "Surroundings") -> "Generator[Store | None]":
    """The ledger, held by this process to be written; None when a running server holds it and has to be asked."""
    from ccledger import app

    if not is_running(settings):
        try:
            with app.writing(settings, surroundings, wait_seconds=_PATIENCE_SECONDS) as store:
                yield store
                return
        except LedgerBusy:
            if not is_running(settings):  # it may have started meanwhile
                raise
    yield None


def _reason(body: bytes) -> str:
    import json

    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")


def _ask(
    settings: "Settings", method: str, path: str, seconds: float, body: bytes = b"", told: str = ""
) -> _Answer | None:
    from ccledger.app import SOCKET_NAME

    address = os.path.join(settings.data_dir, SOCKET_NAME)  # noqa: PTH118 - most runs end here, without a server
    if not os.path.exists(address):  # noqa: PTH110 - as above
        return None
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(seconds)
        try:
            server.connect(address)
            head = f"{method} {path} HTTP/1.0\r\nhost: localhost\r\n{told}content-length: {len(body)}\r\n\r\n"
            server.sendall(head.encode() + body)
            with server.makefile("rb") as stream:
                return _parse(stream.read())
        except (ConnectionError, FileNotFoundError):
            return None
        except OSError as error:
            if error.errno is None and not isinstance(error, TimeoutError):
                return None  # the path is too long for a socket, so no server can have made one
            raise StoreError(f"the running server does not answer ({error}); restart 'ccledger serve'") from None


def _parse(answer: bytes) -> _Answer | None:
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    return _Answer(int(status[0]), body) if status else None
