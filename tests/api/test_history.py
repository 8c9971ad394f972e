"""Calls over HTTP: pages and cursors, exports that are streamed, and refusals that say what is accepted."""

import asyncio
import csv
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest

from ccledger.core.call import Place, Source
from ccledger.ledger.store import Store
from tests.api.apps import NOW, Client, asking, make_app
from tests.api.serving import serving, until
from tests.stats.facts import UNPRICED, fact, ledger

HOUR = 3_600_000
DAY = 24 * HOUR
ROW = {
    "id",
    "timestamp",
    "model",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_creation_tokens",
    "cache_read_tokens",
    "total_tokens",
    "total_cost",
    "total_cost_nano",
    "session_id",
    "project",
    "source",
    "origin",
}
EXPORTS = {"csv": "text/csv; charset=utf-8", "json": "application/json", "jsonl": "application/x-ndjson"}


@pytest.fixture
def many(tmp_path: Path) -> Generator[Store]:
    """A call every hour of the last forty days; every third without a price."""
    (tmp_path / "many").mkdir()
    filled = ledger(tmp_path / "many")
    facts = [
        fact(
            str(number),
            NOW - number * HOUR,
            model=UNPRICED if number % 3 == 0 else "claude-opus-4-5",
            place=Place(Source.TRANSCRIPT, f"s{number % 2}", f"/home/u/{'app' if number % 5 else 'lib'}", "-home-u"),
        )
        for number in range(40 * 24)
    ]
    filled.append(facts, {}, now=NOW)
    yield filled
    filled.close()


@pytest.fixture
def asked(many: Store) -> Generator[Client]:
    with asking(make_app(many)) as client:
        yield client


def ask(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def read_export(form: str, text: str) -> list[dict[str, Any]]:
    if form == "csv":
        return list(csv.DictReader(StringIO(text, newline="")))
    return json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]


def test_a_page_has_the_contracts_words(asked: Client) -> None:
    answer = ask(asked, "/api/v1/stats/history")
    assert set(answer) == {"data", "pagination"}
    assert len(answer["data"]) == 50
    assert all(set(row) == ROW for row in answer["data"])
    pagination = answer["pagination"]
    days = 29 * 24 + 11  # of thirty days, today's until ten o'clock
    assert {name: pagination[name] for name in ("page", "limit", "total", "total_pages")} == {
        "page": 1,
        "limit": 50,
        "total": days,
        "total_pages": -(-days // 50),
    }
    assert (pagination["after"], pagination["before"], pagination["previous"]) == (None, None, None)
    stamps = [row["timestamp"] for row in answer["data"]]
    assert stamps == sorted(stamps, reverse=True)
    assert stamps[0] == "2026-11-20T10:00:00.000Z"


def test_the_same_under_both_addresses(asked: Client) -> None:
    for path in ("stats/history?limit=3", "export/json?days=2"):
        assert ask(asked, f"/api/{path}") == ask(asked, f"/api/v1/{path}")


@pytest.mark.parametrize(
    ("question", "hours"),
    [
        ("days=1", 11),
        ("days=2", 35),
        ("start_date=2026-11-19&end_date=2026-11-19", 24),
        ("start_date=2026-11-19", 35),
        ("end_date=2026-10-12", 13 + 24),
        ("start_date=2026-11-19&end_date=2026-11-19&timezone=Asia/Kathmandu", 24),
        ("days=1&timezone=Asia/Kathmandu", 16),
        ("start_date=2026-11-20T08:00:00Z&end_date=2026-11-20T10:00:00Z", 2),
        ("start_date=2026-11-20T08:30:00%2B00:30&end_date=2026-11-20T10:00:00.001Z", 3),
        ("start_date=2026-11-20T08:00:00&end_date=2026-11-20T10:00:00&timezone=Asia/Kolkata", 2),
        ("start_date=2026-01-01&model=all", 960),
        (f"start_date=2026-01-01&model={UNPRICED}", 320),
        ("start_date=2026-01-01&project=/home/u/lib", 192),
        ("start_date=2026-01-01&project=lib", 192),
        ("start_date=2026-01-01&session=s1", 480),
        (f"start_date=2026-01-01&session=s1&model={UNPRICED}&project=app", 128),
        ("start_date=2026-01-01&model=nobody", 0),
        ("start_date=0001-01-01&end_date=9999-12-31", 960),
    ],
)
def test_filters_choose_pages_and_exports_alike(asked: Client, question: str, hours: int) -> None:
    page = ask(asked, f"/api/v1/stats/history?limit=100&{question}")
    assert page["pagination"]["total"] == hours
    exported = ask(asked, f"/api/v1/export/json?{question}")
    assert len(exported) == hours
    assert exported[:100] == page["data"]


def test_pages_and_cursors_lead_through_the_same_list(asked: Client) -> None:
    base = "/api/v1/stats/history?start_date=2026-01-01&limit=100"
    pages = [ask(asked, f"{base}&page={number}") for number in range(1, 11)]
    whole = [row for page in pages for row in page["data"]]
    assert whole == ask(asked, "/api/v1/export/json?start_date=2026-01-01")
    page, found = pages[0], list(pages[0]["data"])
    while page["pagination"]["next"] is not None:
        after = page["pagination"]["next"]
        page = ask(asked, f"{base}&after={after}")
        assert (page["pagination"]["page"], page["pagination"]["after"]) == (None, after)
        assert page["pagination"]["total"] == 960
        found += page["data"]
    assert found == whole
    back = ask(asked, f"{base}&before={page['pagination']['previous']}")
    assert back["data"] == whole[800:900]
    assert ask(asked, f"{base}&page=99")["data"] == []


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("page=0", "from 1"),
        ("page=-1", "from 1"),
        ("page=abc", "page"),
        ("page=99999999999999999999", "page"),
        ("limit=0", "1 to 100"),
        ("limit=101", "1 to 100"),
        ("limit=-5", "1 to 100"),
        ("limit=abc", "limit"),
        ("after=x", "next or previous"),
        ("before=x", "next or previous"),
        ("page=1&after=x", "one of them"),
    ],
)
def test_a_wrong_place_is_refused(asked: Client, question: str, said: str) -> None:
    answer = asked.get(f"/api/v1/stats/history?{question}")
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert said in answer.json()["error"]


@pytest.mark.parametrize("path", ["stats/history", *(f"export/{form}" for form in EXPORTS)])
@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("start_date=yesterday", "2026-11-20"),
        ("end_date=2026-13-01", "2026-11-20"),
        ("end_date=2026-02-30", "2026-11-20"),
        ("start_date=2026-11-02&end_date=2026-11-01", "start_date"),
        ("days=0", "days"),
        ("days=abc", "days"),
        ("days=3&start_date=2026-11-01", "days"),
        ("timezone=Mars/Olympus", "IANA"),
    ],
)
def test_a_wrong_time_is_refused(asked: Client, path: str, question: str, said: str) -> None:
    answer = asked.get(f"/api/v1/{path}?{question}")
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert said in answer.json()["error"]


@pytest.mark.parametrize("form", EXPORTS)
def test_an_export_is_a_file_named_for_its_days(asked: Client, form: str) -> None:
    answer = asked.get(f"/api/v1/export/{form}?start_date=2026-11-01&end_date=2026-11-15")
    assert answer.headers["content-type"] == EXPORTS[form]
    name = f"ccledger-2026-11-01-to-2026-11-15.{form}"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["cache-control"] == "no-store"
    rows = read_export(form, answer.text)
    plain = ask(asked, "/api/v1/export/json?start_date=2026-11-01&end_date=2026-11-15")
    assert [row["id"] for row in rows] == [row["id"] for row in plain]
    assert len(rows) == 15 * 24
    assert all(set(row) == ROW for row in rows)


def test_a_failure_before_the_first_row_is_an_answer(many: Store) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            if name == "snapshot":
                raise RuntimeError("secret")
            return getattr(many, name)

    with asking(make_app(cast("Store", Broken()))) as client:
        answer = client.get("/api/v1/stats/history")
    assert answer.status_code == 500
    assert "secret" not in answer.text


class Watched:
    """A store that counts the calls that are read, and the snapshots that are open."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.read = 0
        self.opened = 0
        self.closed = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @contextmanager
    def snapshot(self) -> Generator[Any]:
        self.opened += 1
        try:
            with self._store.snapshot() as view:
                yield _WatchedView(self, view)
        finally:
            self.closed.set()


class _WatchedView:
    def __init__(self, watched: Watched, view: Store) -> None:
        self._watched = watched
        self._view = view

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)

    def newest(self, *asked: Any) -> Generator[Any]:
        while True:
            for call in self._view.newest(*asked):
                self._watched.read += 1
                yield call


def test_a_slow_client_is_waited_for_and_one_that_leaves_ends_the_work(many: Store) -> None:
    """The export here never ends by itself: only a client that reads makes it go on, and leaving makes it stop."""
    watched = Watched(many)

    async def run() -> tuple[int, int]:
        async with serving(make_app(cast("Store", watched))) as host:
            name, port = host.split(":")
            reader, writer = await asyncio.open_connection(name, int(port), limit=1024)
            writer.write(b"GET /api/v1/export/csv HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
            seen = -1
            while seen != watched.read:  # until nothing moves any more, because nobody reads
                seen = watched.read
                await asyncio.sleep(0.3)
            for _ in range(60):
                await reader.readexactly(65_536)
            await until(lambda: watched.read > seen)
            writer.transport.abort()
            await until(watched.closed.is_set)
            return seen, watched.read

    held, _ = asyncio.run(run())
    assert held < 200_000
    assert watched.opened == 1


def test_the_ledger_goes_on_while_it_is_exported(many: Store) -> None:
    async def run() -> list[dict[str, Any]]:
        async with serving(make_app(many)) as host:
            name, port = host.split(":")
            reader, writer = await asyncio.open_connection(name, int(port), limit=64)
            writer.write(b"GET /api/v1/export/jsonl?start_date=2026-01-01 HTTP/1.0\r\nhost: 127.0.0.1\r\n\r\n")
            head = await reader.readuntil(b"\r\n")
            assert b"200" in head
            while await reader.readexactly(1) != b"{":
                pass  # the file begins with the first row: from here on it is of one moment
            many.append([fact("new", NOW - 1), fact("0", NOW - 100 * HOUR)], {}, now=NOW)
            rest = "{" + (await reader.read(-1)).decode()
            writer.close()
            lines = [line for line in rest.splitlines() if line.startswith("{")]  # the others are sizes of pieces
            return read_export("jsonl", "\n".join(lines))

    rows = asyncio.run(run())
    assert len(rows) == len({row["id"] for row in rows}) == 960
