"""Talks to the server that runs on the same data directory, through its Unix socket; it never starts one."""

import os
from typing import TYPE_CHECKING, NamedTuple

from ccledger.core.errors import StoreError

if TYPE_CHECKING:
    from ccledger.settings import Settings

_IMPORT_SECONDS = 600.0
_HEALTH_SECONDS = 5.0


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


def _reason(body: bytes) -> str:
    import json

    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")


def _ask(settings: "Settings", method: str, path: str, seconds: float) -> _Answer | None:
    from ccledger.app import SOCKET_NAME

    address = os.path.join(settings.data_dir, SOCKET_NAME)  # noqa: PTH118 - most runs end here, without a server
    if not os.path.exists(address):  # noqa: PTH110 - as above
        return None
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(seconds)
        try:
            server.connect(address)
            server.sendall(f"{method} {path} HTTP/1.0\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n".encode())
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
