"""A real gateway behind a real nginx, set up as the how-to page has it: TLS, streams as they come, who is local."""

import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Generator, Iterator
from http.client import HTTPSConnection
from pathlib import Path
from ssl import SSLContext

import pytest

from tests.journeys.office import ADMIN, Office, add_account, make_home, opened
from tests.journeys.server import PATIENCE
from tests.sources.gateway.certificates import authority
from tests.upstream.answers import Counts, events, text_block
from tests.upstream.server import streamed, upstream

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "gateway.md"
NAME = "ledger.example.org"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin:/usr/bin:/usr/local/bin")
MODEL = "claude-opus-4-5"
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


class Behind:
    """A gateway, and how it is reached from elsewhere."""

    def __init__(self, at: Office, port: int, trusted: SSLContext) -> None:
        self.at = at
        self.port = port
        self._trusted = trusted

    def connect(self) -> HTTPSConnection:
        """A connection by TLS."""
        return HTTPSConnection("127.0.0.1", self.port, timeout=PATIENCE, context=self._trusted)

    def status(self, path: str, **headers: str) -> int:
        """How a question is answered."""
        connection = self.connect()
        try:
            connection.request(
                "GET", path, headers={"Host": NAME} | {k.replace("_", "-"): v for k, v in headers.items()}
            )
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def behind(tmp_path: Path) -> Generator[Behind]:
    home, signed = make_home(tmp_path), authority()
    signed.server(tmp_path, NAME, "127.0.0.1")
    with upstream() as fake, opened(home, fake, CCLEDGER_ALLOWED_HOSTS=NAME) as at:
        add_account(home, fake.url)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        setup = tmp_path / "nginx.conf"
        setup.write_text(as_documented(tmp_path, port, at.server.port))
        assert NGINX is not None
        with subprocess.Popen((NGINX, "-p", str(tmp_path), "-e", "stderr", "-c", str(setup))) as process:
            try:
                wait_for(port)
                yield Behind(at, port, signed.trusted())
            finally:
                process.terminate()


def as_documented(folder: Path, port: int, gateway: int) -> str:
    """What the page says, for these ports and this certificate; the rest is what nginx needs to run here."""
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    told = re.sub(r"/etc/ssl/ledger\.(pem|key)", str(folder / "server.pem"), found[1])
    told = told.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace(
        "127.0.0.1:51888", f"127.0.0.1:{gateway}"
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder / kind};\n" for kind in kinds)
    return (
        f"daemon off;\nmaster_process off;\npid {folder / 'nginx.pid'};\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}{told}}}\n"
    )


def wait_for(port: int) -> None:
    """Until somebody listens."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        else:
            return


def test_events_pass_as_soon_as_they_are_there(behind: Behind) -> None:
    sent = events(1, MODEL, [text_block("Hello there.")], Counts())
    heard = threading.Event()
    in_time: list[bool] = []

    def pieces() -> Iterator[bytes | float]:
        yield sent[0]
        yield 0.0
        in_time.append(heard.wait(PATIENCE))
        yield from sent[1:]

    behind.at.fake.script.append(streamed(pieces(), 1))
    asked = {"model": MODEL, "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    headers = {"Host": NAME, "x-api-key": behind.at.key("laptop"), "content-type": "application/json"}
    connection = behind.connect()
    try:
        connection.request("POST", "/v1/messages", json.dumps(asked), headers)
        answer = connection.getresponse()
        first = answer.read(len(sent[0]))
        heard.set()
        assert (first, first + answer.read()) == (sent[0], b"".join(sent))
    finally:
        connection.close()
    assert in_time == [True]
    (row,) = behind.at.calls_of("laptop", 1)
    assert (row["status_code"], row["stream"], row["output_tokens"]) == (200, True, 7)


def test_what_a_proxy_hands_on_comes_from_elsewhere(behind: Behind) -> None:
    logs = "/api/v1/logs/requests"
    assert behind.at.send("GET", logs, None, {})[0].status == 200
    assert behind.status("/api/hello") == 200
    assert behind.status("/api/v1/health") == 200
    assert behind.status(logs) == 401
    assert behind.status(logs, X_Admin_Key=ADMIN) == 200
    assert behind.status("/v1/models") == 401
    assert behind.status("/v1/models", x_api_key=behind.at.key("phone")) == 200


def test_a_key_for_some_addresses_sees_the_proxy(behind: Behind) -> None:
    here, elsewhere = behind.at.key("here", ips=["127.0.0.1"]), behind.at.key("elsewhere", ips=["192.0.2.0/24"])
    assert behind.status("/v1/models", x_api_key=here) == 200
    assert behind.status("/v1/models", x_api_key=elsewhere, X_Forwarded_For="192.0.2.7") == 403
