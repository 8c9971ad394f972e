"""The server around the application: where it listens, what it says, how it ends."""

import http.client
import os
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ccledger.api.server import address_of, listening, run
from ccledger.core.errors import LedgerError
from ccledger.ledger.store import Store
from tests.api.apps import make_app


@pytest.fixture
def short() -> Generator[Path]:
    """A path that fits into a socket's address, which those of tests often do not."""
    with TemporaryDirectory(prefix="ccledger-", dir="/tmp") as folder:
        yield Path(folder) / "s"


def test_it_listens_for_everybody_here_and_for_the_user_alone(short: Path) -> None:
    with listening("127.0.0.1", 0, short) as [tcp, own]:
        assert tcp.getsockname()[0] == "127.0.0.1"
        assert own.getsockname() == str(short)
        assert stat.S_IMODE(short.stat().st_mode) == 0o600
        assert stat.S_ISSOCK(short.stat().st_mode)
    assert not short.exists()
    assert tcp.fileno() == own.fileno() == -1


@pytest.mark.parametrize(
    ("bound", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1"),
        ("0.0.0.0", "http://127.0.0.1"),
        ("::1", "http://[::1]"),
        ("::", "http://[::1]"),
    ],
)
def test_its_address_is_one_that_a_browser_here_can_open(bound: str, address: str, short: Path) -> None:
    if ":" in bound and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with listening(bound, 0, short) as [tcp, _]:
        assert address_of(tcp) == f"{address}:{tcp.getsockname()[1]}"


def test_a_socket_that_somebody_left_behind_is_replaced(short: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(short))
    dead.close()
    with listening("127.0.0.1", 0, short), socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(short))


def test_a_taken_port_is_said(short: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LedgerError, match=f"port {port} on 127.0.0.1 can't be used .*CCLEDGER_PORT"):
            listening("127.0.0.1", port, short).__enter__()
    assert not short.exists()


def test_a_path_that_is_too_long_for_a_socket_is_said_and_the_port_is_free_again(short: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(LedgerError, match="CCLEDGER_DATA_DIR"):
        listening("127.0.0.1", port, short.parent / ("long" * 50)).__enter__()
    with socket.create_server(("127.0.0.1", port)):
        pass


def serve(app: Any, local: Path, act: Callable[[str], None], ending: Callable[[], None] = lambda: None) -> list[str]:
    """Runs the server in this process, acts on it from another thread, then ends it by a signal."""
    said: list[str] = []
    failures: list[BaseException] = []

    def act_and_end(address: str) -> None:
        try:
            act(address)
        except BaseException as error:  # noqa: BLE001 - handed to the test, which is another thread
            failures.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    def announce(address: str) -> None:
        said.append(address)
        threading.Thread(target=act_and_end, args=(address,)).start()

    with listening("127.0.0.1", 0, local) as sockets:
        run(app, sockets, announce, ending, "WARNING")
    if failures:
        raise failures[0]
    return said


def ask(address: str | Path, path: str, method: str = "GET") -> int:
    """The status of an answer, over TCP or the socket at a path."""
    connection = http.client.HTTPConnection(str(address).removeprefix("http://"), timeout=20)
    with closing(connection):
        if isinstance(address, Path):
            connection.host = "localhost"
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(str(address))
        connection.request(method, path, headers={"host": "localhost", "content-length": "0"})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def test_it_says_its_address_once_and_answers_there_and_on_its_socket(store: Store, short: Path) -> None:
    found: list[int] = []

    def act(address: str) -> None:
        found.extend([ask(address, "/api/v1/health"), ask(short, "/api/v1/health")])

    before = signal.getsignal(signal.SIGTERM)
    [address] = serve(make_app(store), short, act)
    assert address.startswith("http://127.0.0.1:")
    assert found == [200, 200]
    assert signal.getsignal(signal.SIGTERM) is before
    assert not short.exists()


def test_ipv6_is_written_as_browsers_want_it(store: Store, short: Path) -> None:
    try:
        with listening("::1", 0, short) as sockets:
            said: list[str] = []

            def announce(address: str) -> None:
                said.append(address)
                os.kill(os.getpid(), signal.SIGINT)

            run(make_app(store), sockets, announce, lambda: None, "WARNING")
    except LedgerError as error:
        pytest.skip(str(error))
    assert said[0].startswith("http://[::1]:")


def test_what_requests_wait_for_is_ended_before_they_are_waited_for(store: Store, short: Path) -> None:
    """Otherwise a command that waits for an import would hold the server up, and the thread it waits in for longer."""
    ended = threading.Event()
    waiting = threading.Event()
    answers: list[int] = []

    def sync(timeout: float) -> bool:
        waiting.set()
        return not ended.wait(timeout)

    asking = threading.Thread(target=lambda: answers.append(ask(short, "/api/control/import", "POST")))

    def act(_: str) -> None:
        asking.start()
        assert waiting.wait(20)

    begun = time.monotonic()
    serve(make_app(store, sync=sync), short, act, ended.set)
    asking.join(20)
    assert answers == [503]
    assert time.monotonic() - begun < 4
