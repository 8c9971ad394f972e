"""A client that says whatever bytes it is told to, and takes answers apart plainly; no HTTP library helps it."""

import json
import socket
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

PATIENCE = 20.0


class Heard(NamedTuple):
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool
    """Whether the body came to the end that its head promises."""

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Talk:
    """One connection to a port on loopback."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", port))
        self._kept = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, data: bytes) -> bool:
        """Sends bytes; False when nobody listens any more."""
        try:
            self._socket.sendall(data)
        except (ConnectionError, BrokenPipeError):
            return False
        return True

    def end_saying(self) -> None:
        """Says that nothing more comes, and goes on listening."""
        self._socket.shutdown(socket.SHUT_WR)

    def hear_more(self) -> bytes:
        """The next bytes; none at the end, however it came."""
        if self._kept:
            kept, self._kept = self._kept, b""
            return kept
        try:
            return self._socket.recv(65536)
        except ConnectionError:
            return b""

    def hear_until(self, mark: bytes) -> bytes:
        """Everything up to and with a mark. Raises `ConnectionError` when the connection ends before."""
        data = b""
        while mark not in data:
            piece = self.hear_more()
            if not piece:
                raise ConnectionError(f"the connection ended before {mark!r}: {data[-200:]!r}")
            data += piece
        end = data.index(mark) + len(mark)
        self._kept = data[end:]
        return data[:end]

    def hear(self, method: str = "POST") -> Heard:
        """An answer, as far as it comes."""
        first, *lines = self.hear_until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        if method == "HEAD" or status in (204, 304):
            return Heard(status, headers, b"", is_whole=True)
        if headers.get("transfer-encoding") == "chunked":
            body, is_whole = self._chunks()
        elif "content-length" in headers:
            body, is_whole = self._exactly(int(headers["content-length"]))
        else:
            body, is_whole = self.hear_all(), True
        return Heard(status, headers, body, is_whole)

    def hear_all(self) -> bytes:
        """Everything until the connection ends."""
        pieces: list[bytes] = []
        while piece := self.hear_more():
            pieces.append(piece)
        return b"".join(pieces)

    def _exactly(self, length: int) -> tuple[bytes, bool]:
        data = b""
        while len(data) < length and (piece := self.hear_more()):
            data += piece
        self._kept = data[length:]
        return data[:length], len(data) >= length

    def _chunks(self) -> tuple[bytes, bool]:
        body = b""
        try:
            while size := int(self.hear_until(b"\r\n")[:-2], 16):
                piece, is_whole = self._exactly(size + 2)
                body += piece[:size]
                if not is_whole:
                    return body, False
            self.hear_until(b"\r\n")
        except (ConnectionError, ValueError):
            return body, False
        return body, True


def request(
    method: str,
    target: str,
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
    version: str = "1.1",
) -> bytes:
    """The bytes of a request; a body brings its length along."""
    length = [] if body is None else [("content-length", str(len(body)))]
    lines = "".join(f"{name}: {value}\r\n" for name, value in [("host", "localhost"), *headers, *length])
    return f"{method} {target} HTTP/{version}\r\n{lines}\r\n".encode("latin-1") + (body or b"")
