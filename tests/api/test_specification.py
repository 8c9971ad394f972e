"""The monitor's specification, section 2, word for word: a test for every endpoint and parameter, named after it.

A real server over a real ledger that an import of transcripts has filled; nothing is replaced.
"""

import asyncio
import csv
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.api.serving import Program, program, skip_before_midnight
from tests.cli.program import write_lines

NOW = datetime.now(UTC)
OPUS, SONNET, NOBODY = "claude-opus-4-5", "claude-sonnet-4-5", "claude-nobody-9"
CALLS = 130
"""One every eight hours, the newest an hour ago: forty-three days of them."""


class Seen(NamedTuple):
    """A line of the transcripts."""

    at: datetime
    model: str


LINES = [
    Seen(NOW - timedelta(hours=1 + 8 * number), (OPUS, SONNET, NOBODY)[number % 10 // 4]) for number in range(CALLS)
]


def line(seen: Seen) -> dict[str, Any]:
    usage = {
        "input_tokens": 1000,
        "output_tokens": 500,
        "cache_creation_input_tokens": 200,
        "cache_read_input_tokens": 800,
    }
    return {"timestamp": seen.at.isoformat(), "message": {"model": seen.model, "usage": usage}}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    write_lines(folder / "claude", *(line(seen) for seen in LINES))
    return folder


@pytest.fixture(scope="module")
def server(home: Path) -> Generator[Program]:
    skip_before_midnight(NOW)
    with program(home) as running:
        while get(running, "import")["state"] != "following":
            pass
        yield running


def fetch(server: Program, path: str, **parameters: object) -> Any:
    question = urllib.parse.urlencode(parameters)
    return urllib.request.urlopen(f"{server.address}/api/v1/{path}?{question}", timeout=30)


def get(server: Program, path: str, **parameters: object) -> Any:
    with fetch(server, path, **parameters) as answer:
        return json.load(answer)


def refusal(server: Program, path: str, **parameters: object) -> str:
    """What a request is refused with, which is always a 400."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(server, path, **parameters)
    with refused.value as answer:
        assert answer.code == 400
        return json.load(answer)["error"]


def since(days: int) -> list[Seen]:
    """What was called in the last days, today included."""
    first = NOW.date() - timedelta(days=days - 1)
    return [seen for seen in LINES if seen.at.date() >= first]


def whole_history(server: Program, **parameters: object) -> list[dict[str, Any]]:
    page = get(server, "stats/history", limit=100, **parameters)
    rows = list(page["data"])
    for number in range(2, page["pagination"]["total_pages"] + 1):
        rows += get(server, "stats/history", limit=100, page=number, **parameters)["data"]
    return rows


# 2.1.1


def test_2_1_1_stats_current(server: Program) -> None:
    answer = get(server, "stats/current")
    assert set(answer["models"]) == {OPUS, SONNET, NOBODY}
    assert answer["totals"]["calls"] == CALLS
    assert answer["totals"]["input_tokens"] == CALLS * 1000
    assert sum(model["output_tokens"] for model in answer["models"].values()) == CALLS * 500


def test_2_1_1_stats_history(server: Program) -> None:
    assert set(get(server, "stats/history")) == {"data", "pagination"}


# 2.1.2


def test_2_1_2_export_csv(server: Program) -> None:
    with fetch(server, "export/csv") as answer:
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["content-disposition"].startswith('attachment; filename="ccledger-')
        rows = list(csv.DictReader(StringIO(answer.read().decode(), newline="")))
    history = whole_history(server)
    assert list(rows[0]) == list(history[0])
    assert [row["id"] for row in rows] == [row["id"] for row in history]
    assert [int(row["cache_creation_tokens"]) for row in rows] == [200] * len(history)


def test_2_1_2_export_json(server: Program) -> None:
    with fetch(server, "export/json") as answer:
        assert answer.headers["content-type"].startswith("application/json")
        assert json.load(answer) == whole_history(server)


@pytest.mark.parametrize("path", ["export/csv", "export/json"])
def test_2_1_2_exports_take_the_filters_of_the_history(server: Program, path: str) -> None:
    with fetch(server, path, model=SONNET, start_date=NOW.date() - timedelta(days=4), end_date=NOW.date()) as answer:
        text = answer.read().decode()
    wanted = [seen for seen in since(5) if seen.model == SONNET]
    assert text.count(SONNET) == len(wanted) > 0
    assert OPUS not in text


# 2.1.4


def test_2_1_4_health(server: Program) -> None:
    assert get(server, "health")["status"] == "ok"


def test_2_1_4_version(server: Program) -> None:
    assert get(server, "version")["version"]


# 2.2.1


def test_2_2_1_the_answer(server: Program) -> None:
    answer = get(server, "stats/history", model=OPUS)
    row = answer["data"][0]
    stamp = LINES[0].at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert row["timestamp"] == stamp
    assert {name: row[name] for name in ("model", "input_tokens", "output_tokens")} == {
        "model": OPUS,
        "input_tokens": 1000,
        "output_tokens": 500,
    }
    assert (row["cache_creation_tokens"], row["cache_read_tokens"]) == (200, 800)
    dollars = (1000 * 5 + 500 * 25 + 200 * 6.25 + 800 * 0.5) / 1e6
    assert row["total_cost"] == pytest.approx(dollars, abs=1e-12)
    assert {"page", "limit", "total", "total_pages"} <= set(answer["pagination"])


def test_2_2_1_a_call_without_a_price_costs_null(server: Program) -> None:
    assert {row["total_cost"] for row in whole_history(server, model=NOBODY)} == {None}


def test_2_2_1_start_date(server: Program) -> None:
    for days in (1, 3, 43):
        total = get(server, "stats/history", start_date=NOW.date() - timedelta(days=days - 1))["pagination"]["total"]
        assert total == len(since(days))


def test_2_2_1_start_date_is_30_days_ago_by_default(server: Program) -> None:
    assert get(server, "stats/history")["pagination"]["total"] == len(since(30)) < CALLS


def test_2_2_1_start_date_as_a_time(server: Program) -> None:
    rows = whole_history(server, start_date=LINES[5].at.isoformat())
    assert len(rows) == 6


def test_2_2_1_end_date(server: Program) -> None:
    end = NOW.date() - timedelta(days=2)
    rows = whole_history(server, start_date="2020-01-01", end_date=end)
    assert len(rows) == len([seen for seen in LINES if seen.at.date() <= end])


def test_2_2_1_end_date_is_today_by_default(server: Program) -> None:
    assert get(server, "stats/history", start_date="2020-01-01")["pagination"]["total"] == CALLS


@pytest.mark.parametrize("name", ["start_date", "end_date"])
@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "2026-02-30", "1", "2026-01-01T25:00:00Z"])
def test_2_2_1_a_date_that_is_none_is_refused(server: Program, name: str, text: str) -> None:
    assert name in refusal(server, "stats/history", **{name: text})


def test_2_2_1_a_start_after_the_end_is_refused(server: Program) -> None:
    assert "start_date" in refusal(server, "stats/history", start_date="2026-01-06", end_date="2026-01-01")


def test_2_2_1_model(server: Program) -> None:
    rows = whole_history(server, model=SONNET)
    assert {row["model"] for row in rows} == {SONNET}
    assert len(rows) == len([seen for seen in since(30) if seen.model == SONNET])
    assert whole_history(server, model="claude-opus-4") == []


def test_2_2_1_model_is_all_by_default(server: Program) -> None:
    assert whole_history(server, model="all") == whole_history(server)


def test_2_2_1_page(server: Program) -> None:
    rows = whole_history(server)
    assert get(server, "stats/history", page=2, limit=10)["data"] == rows[10:20]
    assert get(server, "stats/history", page=2, limit=10)["pagination"]["page"] == 2
    assert get(server, "stats/history", page=1000)["data"] == []


def test_2_2_1_page_is_1_by_default(server: Program) -> None:
    answer = get(server, "stats/history")
    assert answer["pagination"]["page"] == 1
    assert answer == get(server, "stats/history", page=1)


@pytest.mark.parametrize("page", [0, -1, "abc", 1.5])
def test_2_2_1_a_page_that_is_none_is_refused(server: Program, page: object) -> None:
    assert "page" in refusal(server, "stats/history", page=page)


def test_2_2_1_limit(server: Program) -> None:
    for limit in (1, 7, 100):
        answer = get(server, "stats/history", start_date="2020-01-01", limit=limit)
        assert len(answer["data"]) == limit
        assert (answer["pagination"]["limit"], answer["pagination"]["total"]) == (limit, CALLS)
        assert answer["pagination"]["total_pages"] == -(-CALLS // limit)


def test_2_2_1_limit_is_50_by_default(server: Program) -> None:
    answer = get(server, "stats/history")
    assert (len(answer["data"]), answer["pagination"]["limit"]) == (50, 50)


@pytest.mark.parametrize("limit", [0, 101, -1, "abc"])
def test_2_2_1_a_limit_out_of_range_is_refused(server: Program, limit: object) -> None:
    assert "limit" in refusal(server, "stats/history", limit=limit)


# 2.3


def connected(server: Program) -> ClientConnection:
    return connect(f"ws://{server.host}/ws")


def heard(socket: ClientConnection) -> dict[str, Any]:
    return json.loads(socket.recv(30))


def heard_update(socket: ClientConnection) -> dict[str, Any]:
    while (message := heard(socket))["type"] != "stats_update":
        pass
    return message


def use(home: Path, name: str, *models: str) -> None:
    """Claude Code writes into a session."""
    write_lines(home / "claude", *(line(Seen(NOW, model)) for model in models), session=name)


@pytest.fixture
def own(tmp_path: Path) -> Generator[Program]:
    """A server whose history the test goes on with."""
    write_lines(tmp_path / "claude", *(line(seen) for seen in LINES[:4]))
    with program(tmp_path) as running:
        while get(running, "import")["state"] != "following":
            pass
        yield running


def test_2_3_1_first_everything(server: Program) -> None:
    with connected(server) as socket:
        first = heard(socket)
    assert first["type"] == "initial_data"
    assert first["data"]["totals"] == get(server, "stats/current")["totals"]


def test_2_3_1_then_what_is_new(own: Program, tmp_path: Path) -> None:
    with connected(own) as socket:
        before = heard(socket)["data"]["totals"]["calls"]
        use(tmp_path, "new", OPUS)
        assert heard_update(socket)["data"]["calls"] == 1
    assert get(own, "stats/current")["totals"]["calls"] == before + 1


def test_2_3_1_ping(server: Program) -> None:
    with connected(server) as socket:
        heard(socket)
        socket.send('{"type":"ping"}')
        assert heard(socket)["type"] == "pong"


def test_2_3_2_stats_update(own: Program, tmp_path: Path) -> None:
    with connected(own) as socket:
        heard(socket)
        use(tmp_path, "new", OPUS)
        update = heard_update(socket)
    assert datetime.fromisoformat(update["timestamp"]).tzinfo is not None
    data = update["data"]
    assert (data["model"], data["input_tokens"], data["output_tokens"]) == (OPUS, 1000, 500)


def test_2_3_2_subscribe(own: Program, tmp_path: Path) -> None:
    with connected(own) as socket:
        heard(socket)
        socket.send(json.dumps({"type": "subscribe", "models": [SONNET, "claude-haiku-4-5"]}))
        use(tmp_path, "new", OPUS, SONNET)
        assert heard_update(socket)["data"]["model"] == SONNET
        use(tmp_path, "other", OPUS)
        use(tmp_path, "third", "claude-haiku-4-5")
        assert heard_update(socket)["data"]["model"] == "claude-haiku-4-5"


def test_2_3_2_subscribe_after_a_break(own: Program, tmp_path: Path) -> None:
    with connected(own) as socket:
        heard(socket)
        use(tmp_path, "new", OPUS)
        known = heard_update(socket)["data"]["batch"]
    use(tmp_path, "meanwhile", SONNET)
    while get(own, "stats/current")["totals"]["calls"] < 6:
        pass
    with connected(own) as socket:
        socket.send(json.dumps({"type": "subscribe", "after": known}))
        assert heard(socket)["type"] == "initial_data"
        missed = heard_update(socket)["data"]
    assert (missed["batch"], missed["model"]) == (known + 1, SONNET)


# 8.1.2, in the specification's own words


def test_8_1_2_get_current_stats(server: Program) -> None:
    with fetch(server, "stats/current") as answer:
        assert answer.status == 200
        data = json.load(answer)
    assert "models" in data
    assert "totals" in data


def test_8_1_2_websocket_connection(server: Program) -> None:
    async def first() -> Any:
        from websockets.asyncio.client import connect as connect_async

        async with connect_async(f"ws://{server.host}/ws") as socket:
            return json.loads(await socket.recv())

    message = asyncio.run(first())
    assert message["type"] == "initial_data"
