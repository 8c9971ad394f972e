"""The live connection: everything first, then increments; nobody waits for a slow client."""

import asyncio
import json
import socket
import threading
from itertools import count
from typing import Any, cast

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ccledger.api.live import ImportProgress, Live
from ccledger.core.call import Exchange, Fact, Outcome, Source, Timing, Usage
from ccledger.core.measures import MEASURES
from ccledger.ledger.store import Batch, Store
from ccledger.ledger.writer import Writer
from tests.api.apps import FOLLOWING, NOW, asking, make_app
from tests.api.serving import serving, until
from tests.stats.facts import UNPRICED, fact

STAMP = "2026-11-20T10:00:00.000Z"


async def next_of(connection: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(connection.recv(), 20))


def batch(number: int, *models: str) -> Batch:
    return Batch(number, NOW, (), dict.fromkeys(models, (1,) * len(MEASURES)))


def test_the_first_message_is_everything(store: Store) -> None:
    with asking(make_app(store)) as client, client.websocket_connect("/ws") as socket:
        first = socket.receive_json(timeout=20)
        current = client.get("/api/v1/stats/current").json()
    assert set(first) == {"type", "timestamp", "data"}
    assert (first["type"], first["timestamp"]) == ("initial_data", STAMP)
    assert set(first["data"]) == {"totals", "models", "batch", "import", "version"}
    assert first["data"]["batch"] == 1
    assert first["data"]["totals"] == current["totals"]
    assert first["data"]["models"] == current["models"]
    assert first["data"]["version"] == "0.1.0"
    assert first["data"]["import"]["state"] == FOLLOWING.state


def test_a_commit_is_told_model_by_model(store: Store) -> None:
    live = Live()
    writer = Writer(store, lambda: NOW, live.tell_batch)
    with asking(make_app(store, live=live)) as client, client.websocket_connect("/ws") as socket:
        socket.receive_json(timeout=20)
        writer.append([fact("7", NOW), fact("8", NOW), fact("9", NOW, model=UNPRICED)], {})
        told = [socket.receive_json(timeout=20) for _ in range(2)]
        writer.append([fact("7", NOW)], {})  # says nothing new
        writer.append([fact("10", NOW)], {})
        told.append(socket.receive_json(timeout=20))
    assert [message["type"] for message in told] == ["stats_update"] * 3
    assert [message["timestamp"] for message in told] == [STAMP] * 3
    counted = {
        "calls": 1,
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_creation_tokens": 70,
        "cache_read_tokens": 50,
    }
    twice = {name: 2 * value for name, value in counted.items()}
    cost = 10 * 4 + 20 * 20 + 30 * 5 + 40 * 8 + 50
    by_model = {message["data"].pop("model"): message["data"] for message in told[:2]}
    assert by_model == {
        "claude-opus-4-5": {"batch": 2, **twice, "total_cost_nano": str(2 * cost)},
        UNPRICED: {"batch": 2, **counted, "total_cost_nano": None},
    }
    assert told[2]["data"] == {"batch": 3, "model": "claude-opus-4-5", **counted, "total_cost_nano": str(cost)}


def test_a_correction_is_told_as_the_difference(store: Store) -> None:
    live = Live()
    writer = Writer(store, lambda: NOW, live.tell_batch)
    with asking(make_app(store, live=live)) as client, client.websocket_connect("/ws") as socket:
        socket.receive_json(timeout=20)
        writer.append([fact("1", NOW - 60_000, usage=Usage(10, 25, 30, 40, 50))], {})
        data = socket.receive_json(timeout=20)["data"]
    assert (data["calls"], data["input_tokens"], data["output_tokens"]) == (0, 0, 5)
    assert data["total_cost_nano"] == str(5 * 20)


def test_the_import_is_told_as_it_goes_on(store: Store) -> None:
    live = Live()
    with asking(make_app(store, live=live)) as client, client.websocket_connect("/ws") as socket:
        first = socket.receive_json(timeout=20)
        live.tell(ImportProgress(STAMP, FOLLOWING))
        told = socket.receive_json(timeout=20)
    assert (told["type"], told["timestamp"]) == ("import_progress", STAMP)
    assert told["data"] == first["data"]["import"]


def test_a_ping_is_answered(store: Store) -> None:
    with asking(make_app(store)) as client, client.websocket_connect("/ws") as socket:
        socket.receive_json(timeout=20)
        socket.send_json({"type": "ping"})
        assert socket.receive_json(timeout=20) == {"type": "pong", "timestamp": STAMP, "data": {}}


def test_only_the_wanted_models_are_told(store: Store) -> None:
    live = Live()
    with asking(make_app(store, live=live)) as client, client.websocket_connect("/ws") as socket:
        socket.receive_json(timeout=20)
        numbers = count(2)

        def heard(asked: dict[str, Any]) -> list[str]:
            socket.send_json(asked)
            socket.send_json({"type": "ping"})
            assert socket.receive_json(timeout=20)["type"] == "pong"
            live.tell_batch(batch(next(numbers), "a", "b", "c"))
            live.tell(ImportProgress(STAMP, FOLLOWING))
            found: list[str] = []
            while (message := socket.receive_json(timeout=20))["type"] != "import_progress":
                found.append(message["data"]["model"])
            return found

        assert heard({"type": "subscribe", "models": ["b", "nobody"]}) == ["b"]
        assert heard({"type": "subscribe", "models": []}) == []
        assert heard({"type": "subscribe", "models": None}) == ["a", "b", "c"]
        assert heard({"type": "subscribe", "models": ["a"]}) == ["a"]
        assert heard({"type": "subscribe"}) == ["a", "b", "c"]


def book(store: Store, live: Live, *keys: str) -> None:
    """Books a call for each key, every one in a batch of its own, told as the writer does."""
    writer = Writer(store, lambda: NOW, live.tell_batch)
    for key in keys:
        writer.append([fact(key, NOW), fact(f"{key}-unpriced", NOW, model=UNPRICED)], {})


def test_a_call_shows_as_soon_as_it_is_booked_even_if_it_asked_no_model(store: Store) -> None:
    live = Live()
    counted = Fact(
        ("own:9",),
        Timing(Source.GATEWAY, NOW + 1, Outcome.ERROR, 429, 5),
        sources=1 << Source.GATEWAY,
        exchange=Exchange("count_tokens"),
    )
    with asking(make_app(store, live=live)) as client, client.websocket_connect("/ws") as socket:
        socket.receive_json(timeout=20)
        Writer(store, lambda: NOW, live.tell_batch).append([counted], {})
        told = socket.receive_json(timeout=20)
        assert (told["type"], told["data"]["model"], told["data"]["calls"]) == ("stats_update", "", 1)
        [newest] = client.get("/api/v1/logs/requests", params={"limit": 1}).json()["logs"]
        assert (newest["endpoint"], newest["status_code"], newest["success"]) == ("count_tokens", 429, False)


def told_until_pong(socket: Any, asked: dict[str, Any]) -> list[Any]:
    socket.send_json(asked)
    socket.send_json({"type": "ping"})
    told: list[Any] = []
    while (message := socket.receive_json(timeout=20))["type"] != "pong":
        told.append(message)
    return told


def numbers(told: list[Any]) -> list[tuple[int, str]]:
    return [(message["data"]["batch"], message["data"]["model"]) for message in told]


def test_who_comes_back_hears_what_was_missed(store: Store) -> None:
    live = Live()
    with asking(make_app(store, live=live)) as client:
        with client.websocket_connect("/ws") as socket:
            assert socket.receive_json(timeout=20)["data"]["batch"] == 1
            book(store, live, "a")
            first = [socket.receive_json(timeout=20) for _ in range(2)]
        book(store, live, "b", "c")
        with client.websocket_connect("/ws") as socket:
            assert socket.receive_json(timeout=20)["data"]["batch"] == 4
            missed = told_until_pong(socket, {"type": "subscribe", "after": 2})
            book(store, live, "d")
            live_again = [socket.receive_json(timeout=20) for _ in range(2)]
            assert told_until_pong(socket, {"type": "subscribe", "after": 5}) == []
            assert told_until_pong(socket, {"type": "subscribe", "models": [UNPRICED], "after": 4}) == []
    assert [number for number, _ in numbers(missed)] == [3, 3, 4, 4]
    assert [message["data"] | {"batch": 0} for message in missed[:2]] == [
        message["data"] | {"batch": 0} for message in first
    ]
    assert [message["type"] for message in missed] == ["stats_update"] * 4
    assert [number for number, _ in numbers(live_again)] == [5, 5]


def test_what_was_missed_is_told_of_the_wanted_models_only(store: Store) -> None:
    live = Live()
    book(store, live, "a", "b")
    with asking(make_app(store, live=live)) as client, client.websocket_connect("/ws") as socket:
        socket.receive_json(timeout=20)
        asked = {"type": "subscribe", "models": [UNPRICED], "after": 1}
        assert numbers(told_until_pong(socket, asked)) == [(2, UNPRICED), (3, UNPRICED)]
        book(store, live, "c")
        everything = {"type": "subscribe", "after": 2}
        assert numbers([socket.receive_json(timeout=20)]) == [(4, UNPRICED)]
        assert [number for number, _ in numbers(told_until_pong(socket, everything))] == [3, 3, 4, 4]


def test_what_was_told_live_is_not_told_again(store: Store) -> None:
    live = Live()
    book(store, live, "a")
    with asking(make_app(store, live=live)) as client, client.websocket_connect("/ws") as socket:
        assert socket.receive_json(timeout=20)["data"]["batch"] == 2
        book(store, live, "b")
        assert [number for number, _ in numbers([socket.receive_json(timeout=20) for _ in range(2)])] == [3, 3]
        told = told_until_pong(socket, {"type": "subscribe", "after": 0})
        assert [number for number, _ in numbers(told)] == [1, 1, 2, 2]


def test_what_is_in_the_first_message_is_not_told_again(store: Store) -> None:
    live = Live()
    with asking(make_app(store, live=live)) as client, client.websocket_connect("/ws") as socket:
        assert socket.receive_json(timeout=20)["data"]["batch"] == 1
        live.tell_batch(batch(1, "late"))
        live.tell_batch(batch(2, "new"))
        assert numbers([socket.receive_json(timeout=20)]) == [(2, "new")]


@pytest.mark.parametrize("after", [0, 1, 39, 41, 10**9, (1 << 62) - 1])
def test_what_can_not_be_told_again_is_said(store: Store, after: int) -> None:
    """Batches up to the 39th are forgotten, and after the 341st there is none."""

    class Forgetful:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def batches(self, after: int, limit: int) -> list[Batch]:
            return [batch(number, "a") for number in range(max(after + 1, 40), 342)][:limit]

    with asking(make_app(cast("Store", Forgetful()))) as client, client.websocket_connect("/ws") as socket:
        socket.receive_json(timeout=20)
        told = told_until_pong(socket, {"type": "subscribe", "after": after})
    assert [message["type"] for message in told] == ["resync"]


def test_nothing_is_missed_and_nothing_told_twice_while_the_writer_goes_on(store: Store) -> None:
    """Clients come and go and ask for what they missed while batches come in without a pause."""
    live = Live()
    last = 60

    async def follow(host: str, messages: int) -> list[int]:
        heard: list[int] = []
        while not heard or heard[-1] < last:
            async with connect(f"ws://{host}/ws", max_queue=None) as connection:
                await connection.send(json.dumps({"type": "subscribe", "after": heard[-1] if heard else 1}))
                assert (await next_of(connection))["type"] == "initial_data"
                for _ in range(messages):
                    if not heard or heard[-1] < last:
                        heard.append((await next_of(connection))["data"]["batch"])
        return heard

    async def run() -> list[list[int]]:
        async with serving(make_app(store, live=live)) as host, asyncio.TaskGroup() as tasks:
            writer = Writer(store, lambda: NOW, live.tell_batch)

            def write() -> None:
                for number in range(2, last + 1):
                    writer.append([fact(f"more-{number}", NOW + number)], {})

            following = [tasks.create_task(follow(host, messages)) for messages in (7, 11, 30)]
            await asyncio.to_thread(write)
            return list(await asyncio.gather(*following))

    assert asyncio.run(run()) == [list(range(2, last + 1))] * 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "ping",
        '{"type":"pong"}',
        '{"type":1}',
        '{"type":"subscribe","models":"a"}',
        '{"type":"subscribe","after":-1}',
        '{"type":"subscribe","after":"7"}',
        '{"type":"subscribe","after":99999999999999999999}',
        "[" * 9000,
    ],
)
def test_nonsense_is_answered_and_the_connection_stays(store: Store, text: str) -> None:
    with asking(make_app(store)) as client, client.websocket_connect("/ws") as socket:
        socket.receive_json(timeout=20)
        socket.send_text(text)
        answer = socket.receive_json(timeout=20)
        assert answer["type"] == "error"
        assert "ping" in answer["data"]["error"]
        socket.send_bytes(b"\xff\x00")
        assert socket.receive_json(timeout=20)["type"] == "error"
        socket.send_json({"type": "ping", "more": "ignored"})
        assert socket.receive_json(timeout=20)["type"] == "pong"


def test_nobody_listening_is_no_work() -> None:
    live = Live()
    live.tell_batch(batch(1, "a"))
    loop = asyncio.new_event_loop()
    live.attach(loop)
    with live.listening() as listener:
        loop.close()
        live.tell_batch(batch(2, "a"))
    assert listener.models is None


def test_two_hundred_clients_hear_everything(store: Store) -> None:
    live = Live()
    batches = range(2, 22)

    async def heard(host: str, ready: asyncio.Semaphore) -> list[int]:
        async with ready, connect(f"ws://{host}/ws") as connection:
            assert (await next_of(connection))["type"] == "initial_data"
            ready.release()
            return [(await next_of(connection))["data"]["batch"] for _ in batches]

    async def run() -> list[list[int]]:
        async with serving(make_app(store, live=live)) as host, asyncio.TaskGroup() as tasks:
            connected = asyncio.Semaphore(200)
            clients = [tasks.create_task(heard(host, connected)) for _ in range(200)]
            await until(lambda: live.clients == 200)
            tell = threading.Thread(target=lambda: [live.tell_batch(batch(n, "a")) for n in batches])
            tell.start()
            await asyncio.to_thread(tell.join)
            return list(await asyncio.gather(*clients))

    assert asyncio.run(run()) == [list(batches)] * 200
    assert live.clients == 0


def test_a_client_that_does_not_read_is_told_to_start_over_and_holds_up_nobody(store: Store) -> None:
    live = Live()
    large = "m" * 60_000
    batches = range(2, 602)

    async def run() -> tuple[list[int], list[Any]]:
        async with serving(make_app(store, live=live)) as host:
            name, port = host.split(":")
            narrow = socket.socket()
            narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            narrow.setblocking(False)
            await asyncio.get_running_loop().sock_connect(narrow, (name, int(port)))
            async with (
                connect(f"ws://{host}/ws", sock=narrow, max_queue=1, max_size=None) as slow,
                connect(f"ws://{host}/ws", max_size=None) as quick,
            ):
                await next_of(slow)
                await next_of(quick)
                numbers: list[int] = []
                for number in batches:
                    live.tell_batch(batch(number, large))
                    numbers.append((await next_of(quick))["data"]["batch"])
                told: list[Any] = []
                while not told or told[-1]["type"] != "resync":
                    told.append(await next_of(slow))
                live.tell_batch(batch(602, "after"))
                told.append(await next_of(slow))
                return numbers, told

    numbers, told = asyncio.run(run())
    assert numbers == list(batches)
    *before, resync, after = told
    assert [message["data"]["batch"] for message in before] == list(batches[: len(before)])
    assert len(before) < len(batches)
    assert resync == {"type": "resync", "timestamp": STAMP, "data": {}}
    assert after["data"]["batch"] == 602


def test_clients_that_vanish_leave_nothing_behind(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    live = Live()

    async def run() -> None:
        async with serving(make_app(store, live=live)) as host:
            for close in ("politely", "abruptly", "at once"):
                connection = await connect(f"ws://{host}/ws")
                if close != "at once":
                    await next_of(connection)
                if close == "politely":
                    await connection.close()
                else:
                    connection.transport.abort()
            await until(lambda: live.clients == 0)

    asyncio.run(run())
    assert live.clients == 0
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


def test_a_server_that_ends_closes_its_connections(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> list[int]:
        app = make_app(store)
        async with serving(app) as host:
            connections = [await connect(f"ws://{host}/ws") for _ in range(3)]
            for connection in connections:
                await next_of(connection)
        codes: list[int] = []
        for connection in connections:
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            codes.append(closed.value.rcvd.code if closed.value.rcvd else 0)
        return codes

    assert asyncio.run(run()) == [1012] * 3
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


def test_a_message_no_client_would_send_ends_the_connection(store: Store) -> None:
    async def run() -> int:
        async with serving(make_app(store)) as host, connect(f"ws://{host}/ws") as connection:
            await next_of(connection)
            await connection.send("x" * 100_000)
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            assert closed.value.rcvd is not None
            return closed.value.rcvd.code

    assert asyncio.run(run()) == 1009


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Host": "evil.example"}, 421)],
)
def test_a_foreign_page_gets_no_connection(store: Store, headers: dict[str, str], status: int) -> None:
    async def run() -> Any:
        async with serving(make_app(store)) as host:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws://{host}/ws", additional_headers=headers):
                    pass
            return refused.value.response

    response = asyncio.run(run())
    assert response.status_code == status
    assert list(json.loads(response.body)) == ["error"]
    assert response.headers["Content-Security-Policy"]


def test_our_own_page_gets_one(store: Store) -> None:
    async def run() -> Any:
        async with (
            serving(make_app(store)) as host,
            connect(f"ws://{host}/ws", additional_headers={"Origin": f"http://{host}"}) as connection,
        ):
            return await next_of(connection)

    assert asyncio.run(run())["type"] == "initial_data"


def test_a_failure_is_logged_and_closes_the_connection(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Any:
        raise RuntimeError("secret")

    async def run() -> Any:
        async with serving(make_app(store, state=fail)) as host, connect(f"ws://{host}/ws") as connection:
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            return closed.value.rcvd

    closed = asyncio.run(run())
    assert "secret" not in closed.reason
    assert "secret" in caplog.text
