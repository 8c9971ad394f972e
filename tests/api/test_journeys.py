"""The whole program as a person starts it: it imports, follows, tells, answers the command line, and ends in order."""

import asyncio
import http.client
import json
import signal
import socket
import stat
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.api.serving import Program, ended, program
from tests.corpora.made import write_corpus

SESSION = "0b1c2d3e-0000-4000-8000-000000000001"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "claude" / "projects" / "-home-u-app").mkdir(parents=True)
    return tmp_path


def transcript(home: Path) -> Path:
    return home / "claude" / "projects" / "-home-u-app" / f"{SESSION}.jsonl"


def line(number: int, output: int = 7) -> str:
    """An answer as Claude Code writes it, just now."""
    record = {
        "type": "assistant",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "sessionId": SESSION,
        "cwd": "/home/u/app",
        "gitBranch": "main",
        "version": "2.1.0",
        "uuid": f"u{number}",
        "parentUuid": None,
        "isSidechain": False,
        "userType": "external",
        "requestId": f"req_{number:020d}",
        "message": {
            "id": f"msg_{number:020d}",
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-4-5-20251101",
            "content": [{"type": "text", "text": "done"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": output},
        },
    }
    return json.dumps(record) + "\n"


def get(server: Program, path: str) -> Any:
    with closing(http.client.HTTPConnection(server.host, timeout=20)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        assert answer.status == 200, body
        return body


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def follows(server: Program) -> bool:
    return get(server, "/api/v1/import")["state"] == "following"


def test_a_person_starts_and_ends_it(home: Path) -> None:
    transcript(home).write_text(line(1) + line(2))
    with program(home) as server:
        local = server.data_dir / "ccledger.sock"
        assert server.address.startswith("http://127.0.0.1:")
        assert stat.S_ISSOCK(local.stat().st_mode)
        assert stat.S_IMODE(local.stat().st_mode) == 0o600
        assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
        until(lambda: follows(server))
        overview = get(server, "/api/v1/stats/overview")
        assert overview["today"]["calls"] == overview["ledger"]["calls"] == 2
        assert overview["sessions"][0]["session_id"] == SESSION
        assert overview["import"]["roots"] == [
            {"path": str(home / "claude"), "found": True, "files": 1, "billing": "unknown"}
        ]
        assert server.end() == (0, "", "")
        assert not local.exists()


def test_a_line_that_is_written_arrives_within_a_second(home: Path) -> None:
    transcript(home).write_text(line(1))

    async def heard(connection: ClientConnection) -> Any:
        while True:
            message = json.loads(await asyncio.wait_for(connection.recv(), 20))
            if message["type"] == "stats_update":
                return message["data"]

    async def write_and_hear(host: str) -> tuple[float, Any]:
        async with connect(f"ws://{host}/ws") as connection:
            append(home, line(2))  # may be found by looking, before the watch over the files begins
            await heard(connection)
            written = time.monotonic()
            append(home, line(3, output=11))
            data = await heard(connection)
            return time.monotonic() - written, data

    with program(home) as server:
        until(lambda: follows(server))
        seconds, data = asyncio.run(write_and_hear(server.host))
        assert get(server, "/api/v1/stats/overview")["today"]["calls"] == 3
        assert server.end()[0] == 0
    assert data["model"] == "claude-opus-4-5-20251101"
    assert (data["calls"], data["input_tokens"], data["output_tokens"]) == (1, 3, 11)
    assert seconds < 1


def append(home: Path, text: str) -> None:
    with transcript(home).open("a") as file:
        file.write(text)


def test_the_command_line_has_the_server_book_what_is_new(home: Path) -> None:
    transcript(home).write_text(line(1))
    with program(home) as server:
        transcript(home).write_text(line(1) + line(2) + line(3))
        code, out, log = ended(home, "import", "--json")
        assert (code, counted(out), log) == (0, (3, 1), "")
        assert get(server, "/api/v1/stats/current")["totals"]["calls"] == 3
        assert server.end()[0] == 0


def counted(said: str) -> tuple[int, int]:
    """The calls and sessions that an import said there are."""
    numbers = json.loads(said)
    return numbers["calls"], numbers["sessions"]


def test_only_the_users_own_socket_takes_orders(home: Path) -> None:
    with program(home) as server:
        for address, status in ((server.host, 404), (server.data_dir / "ccledger.sock", 200)):
            connection = http.client.HTTPConnection("127.0.0.1", timeout=20)
            with closing(connection), closing(connected(address)) as connection.sock:
                connection.request("POST", "/api/control/import", headers={"content-length": "0"})
                assert connection.getresponse().status == status


def connected(address: str | Path) -> socket.socket:
    if isinstance(address, Path):
        local = socket.socket(socket.AF_UNIX)
        local.connect(str(address))
        return local
    host, port = address.split(":")
    return socket.create_connection((host, int(port)))


def test_it_ends_at_once_while_it_imports_and_loses_nothing(home: Path) -> None:
    write_corpus(home / "claude", seed=1, sessions=40)
    code, out, _ = ended(home, "import", "--json", CCLEDGER_DATA_DIR=str(home / "whole"))
    assert code == 0

    async def end_with_open_connections(server: Program) -> tuple[float, tuple[int, str, str]]:
        connections = [await connect(f"ws://{server.host}/ws", max_queue=None) for _ in range(20)]
        orders = connected(server.data_dir / "ccledger.sock")
        orders.sendall(b"POST /api/control/import HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")
        begun = time.monotonic()
        answer = await asyncio.to_thread(server.end)
        took = time.monotonic() - begun
        with closing(orders):
            assert orders.recv(12) in (b"HTTP/1.1 503", b"HTTP/1.1 200")
        for connection in connections:
            await connection.close()
        return took, answer

    with program(home) as server:
        took, (code, rest, log) = asyncio.run(end_with_open_connections(server))
    assert (code, rest, log) == (0, "", "")
    assert took < 5
    code, again, _ = ended(home, "import", "--json")
    assert (code, counted(again)) == (0, counted(out))


def test_a_taken_port_is_said_and_nothing_is_begun(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        code, out, log = ended(home, "serve", "--no-browser", CCLEDGER_PORT=port)
    assert (code, out) == (1, "")
    assert log.startswith("ccledger: ")
    assert port in log
    assert "CCLEDGER_PORT" in log
    assert "Traceback" not in log
    assert not (home / "data" / "ccledger.sock").exists()


def test_a_second_server_is_refused_and_the_first_goes_on(home: Path) -> None:
    with program(home) as first:
        code, out, log = ended(home, "serve", "--no-browser", "--port", "0")
        assert (code, out) == (1, "")
        assert log.startswith("ccledger: another ccledger is writing")
        assert "Traceback" not in log
        assert get(first, "/api/v1/health")["status"] == "ok"
        assert (first.data_dir / "ccledger.sock").exists()
        assert first.end()[0] == 0


def test_an_interrupt_ends_it_in_order_too(home: Path) -> None:
    with program(home) as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20) == 0


def test_a_killed_server_leaves_nothing_in_the_way(home: Path) -> None:
    transcript(home).write_text(line(1))
    with program(home) as server:
        until(lambda: follows(server))
        server.process.kill()
        server.process.wait(20)
        assert (server.data_dir / "ccledger.sock").exists()
    with program(home) as server:
        until(lambda: follows(server))
        assert get(server, "/api/v1/stats/current")["totals"]["calls"] == 1
        assert server.end()[0] == 0
