from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ccledger.app import SOCKET_NAME
from ccledger.cli.running import ask_server, import_by_server, is_running
from ccledger.core.errors import StoreError, UsageError
from ccledger.settings import Settings, read_settings

OK = b'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"error":null,"complete":true}'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"CCLEDGER_DATA_DIR": str(tmp_path)}, tmp_path)


@contextmanager
def answering(settings: Settings, answer: bytes) -> Generator[list[bytes]]:
    """A server that says one thing, once; what it was asked is kept."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(settings.data_dir / SOCKET_NAME))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield asked
        thread.join()


def test_without_a_socket_nobody_is_asked(settings: Settings) -> None:
    assert not is_running(settings)
    assert not import_by_server(settings)


def test_a_socket_that_a_dead_server_left_is_no_server(settings: Settings) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(settings.data_dir / SOCKET_NAME))
    assert not is_running(settings)
    assert not import_by_server(settings)


def test_a_file_in_its_place_is_no_server(settings: Settings) -> None:
    (settings.data_dir / SOCKET_NAME).touch()
    assert not import_by_server(settings)


def test_a_data_directory_too_long_for_sockets_has_no_server(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 150)
    long.mkdir()
    (long / SOCKET_NAME).touch()
    assert not import_by_server(read_settings({"CCLEDGER_DATA_DIR": str(long)}, tmp_path))


def test_the_server_is_asked_to_import(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(settings, OK) as asked:
        assert import_by_server(settings)
    assert asked[0].startswith(b"POST /api/control/import HTTP/1.0\r\nhost: localhost\r\n")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("told", "said"),
    [(b'{"error":"the disk is full"}', "the disk is full"), (b"no JSON", "no JSON"), (b"[]", "[]")],
)
def test_a_server_that_could_not_import_is_said(
    told: bytes, said: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(settings, b"HTTP/1.1 503 Unavailable\r\n\r\n" + told):
        assert import_by_server(settings)
    assert f"the running server has not booked everything yet ({said})" in capsys.readouterr().err


def test_a_server_that_hangs_up_is_no_server(settings: Settings) -> None:
    with answering(settings, b""):
        assert not import_by_server(settings)


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccledger.cli.running._IMPORT_SECONDS", 0.05)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(settings.data_dir / SOCKET_NAME))
        listener.listen()
        with pytest.raises(StoreError, match="restart 'ccledger serve'"):
            import_by_server(settings)


def test_the_server_is_asked_as_the_route_wants_it(settings: Settings) -> None:
    assert ask_server(settings, "token/x") is None
    with answering(settings, b"HTTP/1.1 200 OK\r\n\r\n{}") as asked:
        assert ask_server(settings, "token/x/settings", b'{"a":1}', "PUT") == b"{}"
    head, _, body = asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /api/token/x/settings HTTP/1.0\r\n")
    assert (b"content-length: 7" in head, body) == (True, b'{"a":1}')


@pytest.mark.parametrize(
    ("status", "error"), [(400, UsageError), (404, UsageError), (401, StoreError), (503, StoreError), (500, StoreError)]
)
def test_a_refusal_is_told_with_its_reason(settings: Settings, status: int, error: type[Exception]) -> None:
    told = b"HTTP/1.1 %d No\r\n\r\n" % status + b'{"error":"the reason"}'
    with answering(settings, told), pytest.raises(error, match="the reason"):
        ask_server(settings, "token/list", method="GET")
