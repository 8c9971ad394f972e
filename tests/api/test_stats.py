"""Numbers over HTTP: the contract's words, the asked time zone, and no more than was asked."""

from typing import Any

import pytest

from ccledger.core.cached import CachedDay, CachedFile
from ccledger.core.call import Usage
from ccledger.ledger.store import Store
from tests.api.apps import FOLLOWING, NOW, Client, asking, make_app
from tests.stats.facts import UNPRICED, fact

TOTALS = {
    "calls",
    "error_calls",
    "unpriced_calls",
    "estimated_calls",
    "partial_calls",
    "input_tokens",
    "output_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "cache_creation_tokens",
    "cache_read_tokens",
    "total_tokens",
    "web_searches",
    "input_cost",
    "output_cost",
    "cache_creation_cost",
    "cache_read_cost",
    "web_search_cost",
    "total_cost",
    "input_cost_nano",
    "output_cost_nano",
    "cache_creation_cost_nano",
    "cache_read_cost_nano",
    "web_search_cost_nano",
    "total_cost_nano",
    "equivalent_cost_nano",
    "cache_hit_rate",
    "complete",
}
POINT = {
    "start",
    "calls",
    "input_tokens",
    "output_tokens",
    "cache_creation_tokens",
    "cache_read_tokens",
    "input_cost_nano",
    "output_cost_nano",
    "cache_creation_cost_nano",
    "cache_read_cost_nano",
    "web_search_cost_nano",
}


def ask(client: Client, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_current_has_the_contracts_words(client: Client) -> None:
    answer = ask(client, "/api/v1/stats/current?timezone=Asia/Kolkata")
    assert set(answer) == {"timezone", "generated_at", "totals", "models", "estimated"}
    assert answer["estimated"] is None
    assert answer["timezone"] == "Asia/Kolkata"
    assert answer["generated_at"] == "2026-11-20T10:00:00.000Z"
    assert set(answer["totals"]) == TOTALS
    assert list(answer["models"]) == ["claude-opus-4-5", UNPRICED]
    assert all(set(model) == TOTALS for model in answer["models"].values())
    assert answer["totals"]["calls"] == 2
    assert answer["models"][UNPRICED]["total_cost"] is None
    assert answer["models"][UNPRICED]["total_cost_nano"] is None


def test_current_tells_what_claude_codes_own_statistics_add_beside_the_totals(client: Client, store: Store) -> None:
    before = ask(client, "/api/v1/stats/current")
    today = NOW // 86_400_000
    days = [
        CachedDay(today - 9, "claude-opus-4-5", Usage(1, 2, 0, 1000, 4)),
        CachedDay(today - 8, UNPRICED, Usage(5)),
        CachedDay(today, "claude-opus-4-5", Usage(10**9)),
    ]
    store.keep_cached_days(CachedFile("/home/u/.claude", b"", 5, today - 1), days)
    after = ask(client, "/api/v1/stats/current")
    assert after["totals"] == before["totals"]
    assert after["estimated"] == {
        "days": 2,
        "first_day": "2026-11-11",
        "last_day": "2026-11-12",
        "as_of": "2026-11-19",
        "total_tokens": 1012,
        "total_cost": 8048 / 10**9,
        "total_cost_nano": "8048",
        "total_cost_low_nano": "5048",
        "complete": False,
    }


def test_overview_has_the_contracts_words(client: Client) -> None:
    answer = ask(client, "/api/v1/stats/overview?timezone=Asia/Kolkata&hours=24")
    assert set(answer) == {
        "timezone",
        "now",
        "billing",
        "ledger",
        "import",
        "today",
        "yesterday_same_time",
        "burn",
        "series",
        "sessions",
        "movers",
        "unpriced",
    }
    assert (answer["timezone"], answer["now"], answer["billing"]) == ("Asia/Kolkata", "2026-11-20T10:00:00.000Z", "api")
    assert set(answer["ledger"]) == {"calls", "sessions", "first_call_at", "last_call_at"}
    assert answer["import"]["state"] == FOLLOWING.state
    assert set(answer["today"]) == set(answer["yesterday_same_time"]) == TOTALS
    assert set(answer["burn"]) == {
        "window_minutes",
        "cost_nano_per_hour",
        "tokens_per_minute",
        "projected_day_cost_nano",
    }
    assert answer["series"]["grain"] == "hour"
    assert all(set(point) == POINT for point in answer["series"]["points"])
    [session] = answer["sessions"]
    assert set(session) == {
        "session_id",
        "project",
        "branch",
        "models",
        "state",
        "started_at",
        "last_call_at",
        "subagents",
        "totals",
    }
    assert set(session["totals"]) == TOTALS
    [mover] = answer["movers"]
    assert set(mover) == {"project", "today", "yesterday_same_time"}
    assert answer["unpriced"] == [{"model": UNPRICED, "calls": 1, "total_tokens": 150}]


@pytest.mark.parametrize(("question", "points"), [("", 24), ("?hours=24", 24), ("?hours=168", 168)])
def test_the_series_has_a_point_for_every_hour(client: Client, question: str, points: int) -> None:
    assert len(ask(client, f"/api/v1/stats/overview{question}")["series"]["points"]) == points


def test_an_empty_zone_is_the_servers(client: Client) -> None:
    assert ask(client, "/api/v1/stats/current")["timezone"] == "UTC"
    assert ask(client, "/api/v1/stats/overview?timezone=")["timezone"] == "UTC"


def test_what_nobody_knows_is_left_unread(client: Client) -> None:
    assert ask(client, "/api/v1/stats/current?nonsense=1&timezone=UTC")["timezone"] == "UTC"


def test_the_day_is_that_of_the_asked_zone(store: Store) -> None:
    store.append([fact("late", NOW - 12 * 3_600_000)], {}, now=NOW)  # 22:00 UTC the day before, 03:30 in India
    with asking(make_app(store)) as client:
        assert ask(client, "/api/v1/stats/overview?timezone=UTC")["today"]["calls"] == 2
        assert ask(client, "/api/v1/stats/overview?timezone=Asia/Kolkata")["today"]["calls"] == 3


def test_what_is_booked_shows_in_the_next_answer(store: Store) -> None:
    with asking(make_app(store)) as client:
        for number in range(5):
            store.append([fact(f"more-{number}", NOW - number)], {}, now=NOW)
            assert ask(client, "/api/v1/stats/current")["totals"]["calls"] == 3 + number
            assert ask(client, "/api/v1/stats/overview")["today"]["calls"] == 3 + number


def test_an_empty_ledger_has_zeros_and_no_nulls_but_the_times(store: Store, tmp_path: Any) -> None:
    from tests.stats.facts import ledger

    (tmp_path / "empty").mkdir()
    empty = ledger(tmp_path / "empty")
    with asking(make_app(empty)) as client:
        overview, current = ask(client, "/api/v1/stats/overview"), ask(client, "/api/v1/stats/current")
    empty.close()
    assert overview["ledger"] == {"calls": 0, "sessions": 0, "first_call_at": None, "last_call_at": None}
    assert overview["today"]["total_cost_nano"] == "0"
    assert overview["burn"] == {
        "window_minutes": 60,
        "cost_nano_per_hour": "0",
        "tokens_per_minute": 0,
        "projected_day_cost_nano": "0",
    }
    assert (overview["sessions"], overview["movers"], overview["unpriced"]) == ([], [], [])
    assert (current["totals"]["calls"], current["totals"]["complete"], current["models"]) == (0, True, {})


def test_long_answers_are_compressed_for_whoever_takes_that(client: Client) -> None:
    path = "/api/v1/openapi.json"
    packed = client.get(path, headers={"accept-encoding": "gzip"})
    plain = client.get(path, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) * 4 < len(plain.content)
