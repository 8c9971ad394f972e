"""A server on loopback that answers OpenAI's clients with canned answers of Anthropic's, through the conversion."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

from ccledger.wire.chat.answer import convert_answer
from ccledger.wire.chat.errors import ChatRefused, convert_error
from ccledger.wire.chat.models import openai_models
from ccledger.wire.chat.request import Ask, convert_request
from ccledger.wire.chat.stream import ChunkWriter
from tests.wire.chat.made import sse

Json = dict[str, Any]
CREATED = 1_790_000_000
PIECE = 97
"""Bytes of a stream that come at once: no divisor of anything."""


class Canned(NamedTuple):
    """What the upstream answers: a body, or events."""

    body: Json | list[Json]
    status: int = 200


class Gateway:
    """Where the server is, what it will answer, and what Anthropic would have been asked."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}/v1"
        self.answers: list[Canned] = []
        self.asked: list[Json] = []


@contextmanager
def running() -> Generator[Gateway]:
    """Run the server until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(200, openai_models(json.dumps(gateway.answers.pop(0).body).encode()))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                converted = convert_request(body)
            except ChatRefused as refused:
                self._send(400, refused.body())
                return
            gateway.asked.append(json.loads(converted.body))
            self._answer(converted.ask, gateway.answers.pop(0))

        def _answer(self, ask: Ask, canned: Canned) -> None:
            raw = sse(canned.body) if isinstance(canned.body, list) else json.dumps(canned.body).encode()
            if canned.status != 200:
                self._send(canned.status, convert_error(canned.status, raw))
            elif isinstance(canned.body, list):
                self._stream(ChunkWriter(ask, CREATED), raw)
            else:
                self._send(200, convert_answer(raw, ask, CREATED))

        def _stream(self, writer: ChunkWriter, raw: bytes) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for at in range(0, len(raw), PIECE):
                self.wfile.write(writer.feed(raw[at : at + PIECE]))
            self.wfile.write(writer.finish())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    gateway = Gateway(server)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
