"""Request logs over HTTP: what a row says, filters, pages, one call with its cost, exports, and letting go."""

import csv
import json
from collections.abc import Generator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ccledger.core.call import Exchange, Fact, Failer, Outcome, Party, Place, Reading, Source, Terms, Timing, Usage
from ccledger.ledger.store import Store, open_store
from ccledger.stats.request_rows import RequestLog
from tests.api.apps import ADMIN_KEY, BOOK, FOLLOWING, NOW, Client, asking, make_app

HOUR = 3_600_000
DAY = 24 * HOUR
LOGS = "/api/v1/logs/requests"
ADMIN = {"X-Admin-Key": ADMIN_KEY}
BAD = "=HYPERLINK(1)"
OPUS = "claude-opus-4-5"


def call(number: int, **changes: Any) -> Fact:
    """A call of the gateway, an hour before the last one."""
    at = NOW - number * HOUR
    return replace(
        Fact(
            (f"msg:{number}",),
            Timing(Source.GATEWAY, at, Outcome.OK, 200, 1500, 300),
            Reading(OPUS, Usage(10, 20, 30, 40, 50)),
            Place(Source.GATEWAY, "s1", "/home/u/app", "-home-u-app", "main"),
            at,
            Party(Source.GATEWAY, f"key-{number % 2}", "account-1", "ana", "api"),
            1 << Source.GATEWAY,
            Exchange("messages", stream=True),
        ),
        **changes,
    )


FAILED = call(
    5,
    timing=Timing(Source.GATEWAY, NOW - 5 * HOUR, Outcome.ERROR, 529, 20, None),
    reading=Reading("claude-nope-9", Usage()),
    exchange=Exchange("chat", False, Failer.UPSTREAM, BAD, 3),
)
READ = Fact(
    ("msg:t",),
    Timing(Source.TRANSCRIPT, NOW - 30 * DAY),
    Reading(OPUS, Usage(1, 2)),
    Place(Source.TRANSCRIPT, "s2", "/home/u/lib", "-home-u-lib"),
    NOW - 30 * DAY,
    sources=1 << Source.TRANSCRIPT,
)


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    filled = open_store(f"sqlite:///{tmp_path / 'ledger.db'}", lambda: BOOK.cost, "UTC")
    filled.append([*(call(number) for number in range(5)), FAILED, READ], {}, now=NOW)
    yield filled
    filled.close()


@pytest.fixture
def client(store: Store) -> Generator[Client]:
    with asking(make_app(store)) as ready:
        yield ready


def ask(client: Client, **asked: Any) -> dict[str, Any]:
    answer = client.get(LOGS, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_row_says_everything(client: Client) -> None:
    answer = ask(client)
    assert (answer["total"], answer["total_is_exact"], answer["page"], answer["limit"]) == (7, True, 0, 50)
    assert (answer["next"], answer["previous"]) == (None, None)
    row = answer["logs"][0]
    assert tuple(row) == RequestLog.__struct_fields__
    nano = 10 * 5000 + 20 * 25000 + 30 * 6250 + 40 * 10000 + 50 * 500
    assert row.pop("id").isdecimal()
    assert row == {
        "token_id": "key-0",
        "token_name": None,
        "account_id": "account-1",
        "account_name": None,
        "user_name": "ana",
        "mode": "api",
        "model": OPUS,
        "stream": True,
        "endpoint": "messages",
        "request_at": "2026-11-20T10:00:00.000Z",
        "response_at": "2026-11-20T10:00:01.500Z",
        "duration_ms": 1500,
        "ttft_ms": 300,
        "prompt_tokens": 130,
        "completion_tokens": 20,
        "total_tokens": 150,
        "input_tokens": 10,
        "output_tokens": 20,
        "cache_write_5m_tokens": 30,
        "cache_write_1h_tokens": 40,
        "cache_creation_tokens": 70,
        "cache_read_tokens": 50,
        "web_searches": 0,
        "cost_usd": nano / 1e9,
        "cost_nano_usd": str(nano),
        "total_cost": nano / 1e9,
        "total_cost_nano": str(nano),
        "status_code": 200,
        "success": True,
        "failed_by": None,
        "error_message": None,
        "attempts": 1,
        "session_id": "s1",
        "project": "/home/u/app",
        "branch": "main",
        "agent": None,
        "source": "gateway",
        "origin": "measured",
        "conversation_id": None,
    }


def test_what_nobody_knows_of_a_call_is_null(client: Client) -> None:
    [row] = ask(client, source="transcript")["logs"]
    unknown = ("token_id", "account_id", "user_name", "mode", "stream", "endpoint", "response_at", "duration_ms")
    assert [row[name] for name in (*unknown, "status_code", "failed_by", "attempts")] == [None] * 11
    assert row["success"] is True


def test_a_call_that_failed_tells_by_whom_and_costs_nothing(client: Client) -> None:
    [row] = client.get(LOGS, params={"success": "false"}, headers=ADMIN).json()["logs"]
    told = [row[name] for name in ("failed_by", "error_message", "attempts", "status_code", "cost_nano_usd")]
    assert told == ["upstream", BAD, 3, 529, "0"]


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        ({"token_id": "key-1"}, 3),
        ({"token_id": "nobody"}, 0),
        ({"account_id": "account-1"}, 6),
        ({"user_name": "ana", "token_id": "key-0"}, 3),
        ({"mode": "web"}, 0),
        ({"model": OPUS}, 6),
        ({"model": "all"}, 7),
        ({"status": 529}, 1),
        ({"status": 200}, 5),
        ({"session": "s2"}, 1),
        ({"project": "app"}, 6),
        ({"source": "gateway"}, 6),
        ({"endpoint": "chat"}, 1),
        ({"from_date": "2026-11-20"}, 6),
        ({"from_date": "2026-11-20T09:00:00Z"}, 2),
        ({"to_date": "2026-10-21"}, 1),
        ({"to_date": "2026-10-20"}, 0),
        ({"from_date": "2026-11-20", "to_date": "2026-11-20", "timezone": "America/Los_Angeles"}, 3),
        ({"token_id": "", "model": "", "project": ""}, 7),
        ({"status": "", "success": "", "mode": "", "source": "", "page": "", "limit": ""}, 7),
    ],
)
def test_filters(client: Client, asked: dict[str, Any], rows: int) -> None:
    answer = ask(client, **asked)
    logs: list[Any] = answer["logs"]
    assert (len(logs), answer["total"]) == (rows, rows)


def test_pages_and_cursors(client: Client) -> None:
    first = ask(client, limit=3)
    second = ask(client, limit=3, page=1)
    assert (first["page"], second["page"], second["total"]) == (0, 1, 7)
    after = ask(client, limit=3, after=first["next"])
    assert (after["page"], after["logs"]) == (None, second["logs"])
    assert ask(client, limit=3, after=first["logs"][-1]["id"])["logs"] == second["logs"]
    assert ask(client, limit=3, before=after["previous"])["logs"] == first["logs"]
    assert ask(client, limit=100_000)["limit"] == 1000
    everything = ask(client)["logs"]
    assert ask(client, sort="time")["logs"] == everything[::-1]
    by_tokens = [row["total_tokens"] for row in ask(client, sort="-tokens")["logs"]]
    assert by_tokens == sorted(by_tokens, reverse=True)
    assert ask(client, sort="-status", limit=1)["logs"][0]["status_code"] == 529


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"page": -1}, "page"),
        ({"limit": 0}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"page": 1, "after": "5"}, "give one of them"),
        ({"after": "nonsense"}, "after and before"),
        ({"sort": "colour"}, "sort"),
        ({"success": "perhaps"}, "success"),
        ({"status": "fine"}, "status"),
        ({"status": 99}, "status is an HTTP status, 100 to 599"),
        ({"status": 600}, "status"),
        ({"status": 1 << 63}, "status"),
        ({"mode": "junk"}, "mode is api or web"),
        ({"mode": "both"}, "mode is api or web"),
        ({"source": "elsewhere"}, "source is"),
        ({"from_date": "yesterday"}, "from_date"),
        ({"to_date": "2026-13-01"}, "to_date"),
        ({"from_date": "2026-11-20", "to_date": "2026-11-19"}, "from_date"),
        ({"timezone": "Mars"}, "time zone"),
    ],
)
def test_nonsense_is_refused(client: Client, asked: dict[str, Any], said: str) -> None:
    for path in (LOGS, f"{LOGS}/export"):
        if path == LOGS or not {"page", "limit", "after", "sort"} & set(asked):
            answer = client.get(path, params=asked)
            assert answer.status_code == 400
            assert said in answer.json()["error"]


def test_one_call_shows_how_its_cost_came_about(client: Client) -> None:
    row = ask(client)["logs"][0]
    found = client.get(f"{LOGS}/{row['id']}").json()
    assert {name: found[name] for name in row} == row
    lines = {line["kind"]: line for line in found["cost_lines"]}
    assert list(lines) == ["input", "output", "cache_write_5m", "cache_write_1h", "cache_read"]
    assert lines["cache_write_1h"] == {
        "kind": "cache_write_1h",
        "tokens": 40,
        "usd_per_mtok": 10.0,
        "cost": 0.0004,
        "cost_nano": "400000",
    }
    assert sum(int(line["cost_nano"]) for line in found["cost_lines"]) == int(row["cost_nano_usd"])
    assert found["price"]["model"] == OPUS
    assert found["price"]["modifiers"] == []
    assert found["price"]["source"]


def test_modifiers_and_searches_are_told(store: Store, client: Client) -> None:
    reading = Reading(OPUS, Usage(1000, web_searches=2), terms=Terms.BATCH)
    store.append([call(0, keys=("msg:batch",), reading=reading)], {}, now=NOW)
    [row] = [row for row in ask(client)["logs"] if row["web_searches"]]
    found = client.get(f"{LOGS}/{row['id']}").json()
    assert found["price"]["modifiers"] == ["batch"]
    assert [(line["kind"], line["usd_per_mtok"], line["cost_nano"]) for line in found["cost_lines"]] == [
        ("input", 2.5, "2500000"),
        ("web_search", None, "20000000"),
    ]


def test_a_call_that_was_booked_at_another_price_shows_what_it_cost_then(tmp_path: Path) -> None:
    (tmp_path / "older").mkdir()
    from tests.stats.facts import ledger

    older = ledger(tmp_path / "older")
    older.append([call(0)], {}, now=NOW)
    with asking(make_app(older)) as client:
        row = ask(client)["logs"][0]
        found = client.get(f"{LOGS}/{row['id']}").json()
    older.close()
    assert found["price"] is None
    assert [line["usd_per_mtok"] for line in found["cost_lines"]] == [None] * 4
    assert sum(int(line["cost_nano"]) for line in found["cost_lines"]) == int(row["cost_nano_usd"])


@pytest.mark.parametrize("unknown", ["1", "x", "9" * 30, "-1", "٣"])
def test_an_unknown_call_is_404(client: Client, unknown: str) -> None:
    answer = client.get(f"{LOGS}/{unknown}")
    assert answer.status_code == 404
    assert "error" in answer.json()


def test_exports_hold_the_rows_of_the_list(client: Client) -> None:
    rows = ask(client)["logs"]
    assert client.get(f"{LOGS}/export?format=json").json() == rows
    lines = client.get(f"{LOGS}/export?format=jsonl").text.splitlines()
    assert list(map(json.loads, lines)) == rows
    answer = client.get(f"{LOGS}/export", params={"token_id": "key-1"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="ccledger-requests-2026-11-20.csv"'
    table = list(csv.DictReader(StringIO(answer.text, newline="")))
    assert [cells["id"] for cells in table] == [row["id"] for row in rows if row["token_id"] == "key-1"]
    assert table[0]["stream"] == "true"
    assert table[0]["cost_usd"] == table[0]["total_cost"] == "0.0011625"
    assert table[-1]["failed_by"] == "upstream"
    assert client.get(f"{LOGS}/export?format=xml").status_code == 400


def test_what_an_upstream_said_is_told_to_who_has_signed_in(store: Store, client: Client) -> None:
    store.append([call(7, exchange=Exchange("messages", False, Failer.GATEWAY, "no account"))], {}, now=NOW)
    ids = [row["id"] for row in ask(client, from_date="2026-11-20")["logs"]][-2:]

    def told(**headers: str) -> list[list[str | None]]:
        rows = [
            client.get(LOGS, headers=headers).json()["logs"],
            client.get(f"{LOGS}/export?format=json", headers=headers).json(),
            client.get("/api/v1/stats/requests", headers=headers).json()["latest"],
            [client.get(f"{LOGS}/{number}", headers=headers).json() for number in ids],
        ]
        return [[row["error_message"] for row in found if row["id"] in ids] for found in rows]

    assert told(**ADMIN) == [[BAD, "no account"]] * 4
    assert told() == [[None, "no account"]] * 4
    table = client.get(f"{LOGS}/export", headers=ADMIN).text
    assert f"'{BAD}" in table
    assert BAD not in client.get(f"{LOGS}/export").text


def test_old_calls_are_let_go_and_sums_stay(store: Store, client: Client) -> None:
    before = client.get("/api/v1/stats/current").json()["totals"]
    old = f"{LOGS}/old"
    assert client.delete(old, params={"days": 3}).status_code == 401
    admin = {"X-Admin-Key": ADMIN_KEY}
    for nonsense in (0, -1, "x"):
        assert client.delete(old, params={"days": nonsense}, headers=admin).status_code == 400
    assert client.delete(old, headers=admin).json() == {"deleted": 0, "days": 90}
    assert client.delete(old, params={"days": 3}, headers=admin).json() == {"deleted": 1, "days": 3}
    assert ask(client)["total"] == 6
    assert client.get("/api/v1/stats/current").json()["totals"] == before


def test_nothing_is_let_go_while_transcripts_are_read(store: Store) -> None:
    importing = replace(FOLLOWING, state="importing")
    with asking(make_app(store, state=lambda: importing)) as client:
        answer = client.delete(f"{LOGS}/old", params={"days": 3}, headers={"X-Admin-Key": ADMIN_KEY})
    assert answer.status_code == 409
    assert store.summary().calls == 7
    assert store.horizon() == 0


def test_the_last_days_in_calls(client: Client) -> None:
    answer = client.get("/api/v1/stats/requests", params={"days": 3}).json()
    assert [day["date"] for day in answer["trend"]] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert answer["today"] == answer["trend"][-1]
    today = answer["today"]
    assert (today["requests"], today["success_count"], today["error_count"]) == (6, 5, 1)
    assert (today["success_rate"], today["total_tokens"], today["avg_ttft_ms"]) == (83.33, 750, 300)
    assert (today["total_cost_nano"], today["complete"]) == (str(5 * 1_162_500), True)
    empty = answer["trend"][0]
    assert (empty["requests"], empty["success_rate"], empty["total_cost"]) == (0, None, 0.0)
    assert [row["id"] for row in answer["latest"]] == [row["id"] for row in ask(client)["logs"][:6]]
    of_transcripts = client.get("/api/v1/stats/requests", params={"source": "transcript", "days": 31}).json()
    assert [day["requests"] for day in of_transcripts["trend"]] == [1, *[0] * 30]
    assert len(of_transcripts["latest"]) == 1
    for nonsense in ({"days": 0}, {"days": "x"}, {"source": "y"}, {"timezone": "Mars"}):
        assert client.get("/api/v1/stats/requests", params=nonsense).status_code == 400
