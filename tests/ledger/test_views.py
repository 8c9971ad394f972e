"""The specification's tables, asked as its users would ask them: plain SQL, plain dollars."""

# apsw's type stubs leave the types of bindings open, so every call of it looks partially unknown.
# pyright: reportUnknownMemberType=false
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest

from ccledger.app import price_book
from ccledger.core.access import AccessToken
from ccledger.core.call import Fact, Outcome, Party, Place, Reading, Source, Timing, Usage
from ccledger.core.measures import MEASURES, Dimension, Grain
from ccledger.core.periods import milliseconds, moment
from ccledger.core.prices import FOREVER, Card, Override, Period
from ccledger.ledger.store import KeptToken, Store
from tests.conformance.stores import fresh_store

NOON = 1_795_176_000_123
"""2026-11-20 12:00:00.123 UTC."""
DAY_MS = 86_400_000


def fact(
    key: str,
    at: int = NOON,
    *,
    model: str = "claude-opus-5",
    outcome: int = Outcome.OK,
    token: str | None = None,
    session: str = "s1",
    duration: int | None = None,
) -> Fact:
    return Fact(
        (f"msg:{key}",),
        Timing(Source.TRANSCRIPT, at, outcome, None, duration, duration and duration // 4),
        Reading(model, Usage(1_000_000, 2_000_000, 100_000, 200_000, 3_000_000, 1)),
        Place(Source.TRANSCRIPT, session, "/home/u/app", "-home-u-app"),
        at,
        None if token is None else Party(Source.GATEWAY, token, "acc", None, "api"),
        1 << Source.TRANSCRIPT,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fresh_store("sqlite", tmp_path, "UTC", price_book().cost) as opened:
        yield opened


@pytest.fixture
def ask(store: Store, tmp_path: Path) -> "Ask":
    return Ask(tmp_path / "ledger.db")


class Ask:
    """Somebody else's connection."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, query: str, *values: object) -> list[dict[str, Any]]:
        connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
        cursor = connection.execute(query, values)
        found = [dict(zip([name for name, *_ in cursor.description], row, strict=True)) for row in cursor]
        connection.close()
        return found

    def columns(self, view: str) -> list[str]:
        return [row["name"] for row in self(f"SELECT name FROM pragma_table_info('{view}') ORDER BY cid")]


def test_token_usage_has_the_columns_of_the_specification(store: Store, ask: Ask) -> None:
    store.append([fact("1"), fact("2", model="nobody-knows")], {}, now=1)
    priced, unpriced = ask("SELECT * FROM token_usage ORDER BY model")
    assert list(priced) == [
        "id",
        "timestamp",
        "model",
        "input_tokens",
        "output_tokens",
        "cache_creation_tokens",
        "cache_read_tokens",
        "input_cost",
        "output_cost",
        "cache_creation_cost",
        "cache_read_cost",
        "total_cost",
        "session_id",
        "project_name",
    ]
    assert priced.pop("id") == store.calls(0, 1 << 42)[0].id
    assert priced == {
        "timestamp": "2026-11-20 12:00:00.123",
        "model": "claude-opus-5",
        "input_tokens": 1_000_000,
        "output_tokens": 2_000_000,
        "cache_creation_tokens": 300_000,
        "cache_read_tokens": 3_000_000,
        "input_cost": 5.0,
        "output_cost": 50.0,
        "cache_creation_cost": 2.625,
        "cache_read_cost": 1.5,
        "total_cost": 59.135,
        "session_id": "s1",
        "project_name": "/home/u/app",
    }
    assert {name: unpriced[name] for name in unpriced if name.endswith("_cost")} == dict.fromkeys(
        ("input_cost", "output_cost", "cache_creation_cost", "cache_read_cost", "total_cost")
    )


def test_token_usage_is_filtered_by_time_as_the_specification_does(store: Store, ask: Ask) -> None:
    store.append([fact("1"), fact("2", NOON + DAY_MS)], {}, now=1)
    assert len(ask("SELECT id FROM token_usage WHERE timestamp < datetime('2026-11-21')")) == 1


def test_daily_summary_has_the_columns_and_sums_of_the_specification(store: Store, ask: Ask) -> None:
    store.append([fact("1"), fact("2", session="s2"), fact("3", NOON + DAY_MS, model="nobody-knows")], {}, now=1)
    first, second = ask("SELECT * FROM daily_summary ORDER BY date")
    assert first.pop("id") != second["id"]
    assert first == {
        "date": "2026-11-20",
        "total_input_tokens": 2_000_000,
        "total_output_tokens": 4_000_000,
        "total_cache_creation_tokens": 600_000,
        "total_cache_read_tokens": 6_000_000,
        "total_cost": 118.27,
        "cache_hit_rate": 0.75,
        "session_count": 2,
    }
    assert (second["date"], second["total_cost"], second["session_count"]) == ("2026-11-21", None, 1)
    assert list(second)[:3] == ["id", "date", "total_input_tokens"]


def test_daily_summary_stays_when_calls_are_removed(store: Store, ask: Ask) -> None:
    store.append([fact("1"), fact("2", NOON + DAY_MS)], {}, now=1)
    before = {view: ask(f"SELECT * FROM {view}") for view in ("daily_summary",)}
    store.remove(1 << 42, 10)
    assert ask("SELECT * FROM token_usage") == []
    assert ask("SELECT * FROM daily_summary") == before["daily_summary"]


def test_usage_stats_daily_has_the_columns_and_sums_of_the_specification(store: Store, ask: Ask) -> None:
    store.append(
        [
            fact("1", token="t1", duration=100),
            fact("2", token="t1", duration=301, outcome=Outcome.ERROR),
            fact("3", outcome=Outcome.ABORTED),
        ],
        {},
        now=1,
    )
    plain, keyed = ask("SELECT * FROM usage_stats_daily ORDER BY token_id")
    assert keyed.pop("id") != plain["id"]
    assert keyed.pop("created_at") is not None
    assert keyed == {
        "stat_date": "2026-11-20",
        "token_id": "t1",
        "account_id": "acc",
        "mode": "api",
        "model": "claude-opus-5",
        "request_count": 2,
        "success_count": 1,
        "error_count": 1,
        "total_prompt_tokens": 8_600_000,
        "total_completion_tokens": 4_000_000,
        "total_tokens": 12_600_000,
        "avg_duration_ms": 200,
        "avg_ttft_ms": 50,
    }
    assert (plain["token_id"], plain["success_count"], plain["error_count"], plain["avg_duration_ms"]) == (
        None,
        0,
        1,
        None,
    )


def test_nonsense_on_one_day_hides_no_other(store: Store, ask: Ask) -> None:
    huge = [
        Fact((f"msg:{n}",), Timing(Source.TRANSCRIPT, NOON), Reading(f"m{n}", Usage((1 << 63) - 1))) for n in range(3)
    ]
    store.append([*huge, fact("other", NOON + DAY_MS)], {}, now=1)
    assert [row["date"] for row in ask("SELECT * FROM daily_summary ORDER BY date")] == ["2026-11-20", "2026-11-21"]
    assert len(ask("SELECT * FROM usage_stats_daily")) == 4


def now_ms(ask: Ask) -> int:
    return int(ask("SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000 AS now")[0]["now"])


def test_model_pricing_has_one_active_row_for_each_model_with_todays_prices(store: Store, ask: Ask) -> None:
    store.list_shipped("1", lambda: price_book().models)
    now = now_ms(ask)
    rows = {row["model"]: row for row in ask("SELECT * FROM model_pricing WHERE is_active")}
    assert list(rows["claude-opus-4"])[:8] == [
        "id",
        "model",
        "input_price",
        "output_price",
        "cache_creation_price",
        "cache_read_price",
        "effective_date",
        "is_active",
    ]
    in_force = {
        model.name: next(period for period in model.periods if period.start <= now < period.end)
        for model in price_book().models
    }
    assert {
        name: tuple(row[f"{kind}_price"] for kind in ("input", "output", "cache_creation", "cache_read"))
        for name, row in rows.items()
    } == {
        name: tuple(float(period.card.usd_per_mtok[kind]) for kind in (0, 1, 2, 4)) for name, period in in_force.items()
    }
    assert {name: row["effective_date"] for name, row in rows.items()} == {
        name: moment(period.start).date().isoformat() for name, period in in_force.items()
    }


@pytest.mark.parametrize(
    ("model", "prices"),
    [
        ("claude-opus-4", (15.0, 75.0, 18.75, 1.5)),
        ("claude-sonnet-4", (3.0, 15.0, 3.75, 0.3)),
        ("claude-haiku-4", (0.8, 4.0, 1.0, 0.08)),
    ],
)
def test_the_specifications_own_rows_are_there(model: str, prices: tuple[float, ...], store: Store, ask: Ask) -> None:
    store.list_shipped("1", lambda: price_book().models)
    (row,) = ask(
        "SELECT input_price, output_price, cache_creation_price, cache_read_price FROM model_pricing "
        "WHERE model = ? AND is_active",
        model,
    )
    assert tuple(row.values()) == prices


def set_price(store: Store, model: str, start: int, end: int, usd: str) -> None:
    period = Period(start, end, Card((Decimal(usd),) * 5), "a mail")
    store.override(Override(model, period, 1, "me"))


def test_what_was_set_is_active_while_it_holds_and_the_shipped_price_else(store: Store, ask: Ask) -> None:
    store.list_shipped("1", lambda: price_book().models)
    now = now_ms(ask)
    active = "SELECT input_price FROM model_pricing WHERE model = 'claude-opus-5' AND is_active"
    set_price(store, "claude-opus-5", 0, now - DAY_MS, "70")
    set_price(store, "claude-opus-5", now + DAY_MS, FOREVER, "80")
    assert ask(active) == [{"input_price": 5.0}]
    set_price(store, "claude-opus-5", 0, FOREVER, "7")
    set_price(store, "claude-opus-5", now - DAY_MS, now + DAY_MS, "8")
    assert ask(active) == [{"input_price": 8.0}]
    store.withdraw("claude-opus-5", now - DAY_MS, by="me", now=1)
    assert ask(active) == [{"input_price": 7.0}]
    store.withdraw("claude-opus-5", None, by="me", now=1)
    assert ask(active) == [{"input_price": 5.0}]


def test_shipped_prices_are_replaced_when_they_change_and_overrides_stay(store: Store, ask: Ask) -> None:
    models = price_book().models
    set_price(store, "mine", 0, FOREVER, "1")
    store.list_shipped("1", lambda: models)
    store.list_shipped("1", lambda: pytest.fail("they are known"))
    store.list_shipped("2", lambda: models[:1])
    assert {row["model"] for row in ask("SELECT model FROM model_pricing")} == {"mine", models[0].name}


def test_the_sums_of_the_views_are_those_of_the_roll_ups(store: Store, ask: Ask) -> None:
    store.append([fact(str(n), NOON + n * DAY_MS // 7, model=f"claude-opus-{n % 2 + 4}") for n in range(30)], {}, now=1)
    (row,) = ask("SELECT sum(total_cost) AS cost, sum(total_output_tokens) AS output FROM daily_summary")
    kept = store.spans(Grain.DAY, Dimension.ALL, 0, 1 << 40)
    assert row["output"] == sum(span.measures[MEASURES.index("output_tokens")] for span in kept)
    (calls,) = ask("SELECT sum(total_cost) AS cost FROM token_usage")
    assert calls["cost"] == pytest.approx(row["cost"])
    assert milliseconds(moment(NOON)) == NOON


def test_tokens_has_the_columns_of_the_specification_and_no_secret(store: Store, ask: Ask) -> None:
    issued = AccessToken("t1", "laptop", "owner", NOON, "both", expires_at=NOON + 1, revoked_at=NOON + 2)
    store.keep_access_token(KeptToken(issued, b"a"))
    store.keep_access_token(KeptToken(AccessToken("t2", "ci", "owner", NOON + 3, note="x"), b"b"))
    store.keep_access_token(KeptToken(AccessToken("t3", "old", "owner", NOON), b"c", NOON))
    store.append([fact("1", token="t1"), fact("2", NOON + 5, token="t1"), fact("3"), fact("4", token="t3")], {}, now=0)
    laptop, unused = ask("SELECT * FROM tokens ORDER BY created_at")
    assert laptop == {
        "id": "t1",
        "name": "laptop",
        "mode": "both",
        "created_at": "2026-11-20 12:00:00.123",
        "expires_at": "2026-11-20 12:00:00.124",
        "revoked_at": "2026-11-20 12:00:00.125",
        "last_used_at": "2026-11-20 12:00:00.128",
        "enable_conversation_logging": 0,
        "total_requests": 2,
        "total_tokens_used": 2 * 6_300_000,
    }
    assert (unused["name"], unused["last_used_at"], unused["total_requests"]) == ("ci", None, 0)
