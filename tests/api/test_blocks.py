"""Five-hour blocks over HTTP: the contract's words, what is left out when asked, and what is refused."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from ccledger.core.limits import Limit, LimitReading
from ccledger.ledger.store import Store
from tests.api.apps import NOW, Client, asking, make_app
from tests.stats.facts import UNPRICED, fact, ledger

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    filled = ledger(tmp_path)
    at = [NOW - 20 * DAY, NOW - 2 * DAY, NOW - 90 * 60_000, NOW - 30 * 60_000, NOW - 40 * DAY, NOW - 40 * DAY + 1]
    filled.append([fact(str(number), moment) for number, moment in enumerate(at)], {}, now=NOW)
    yield filled
    filled.close()


def ask(client: Client, question: str = "") -> Any:
    answer = client.get(f"/api/v1/stats/blocks{question}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_has_the_contracts_words(client: Client) -> None:
    answer = ask(client, "?timezone=Asia/Kathmandu")
    assert set(answer) == {"timezone", "now", "rule", "blocks", "token_limit"}
    assert (answer["timezone"], answer["rule"], answer["token_limit"]) == ("Asia/Kathmandu", "estimated", None)
    fields = {"id", "start", "end", "actual_end", "is_active", "is_gap", "rule", "totals", "models"}
    assert all(set(block) == fields | {"burn_rate", "projection"} for block in answer["blocks"])
    assert [block["id"] for block in answer["blocks"]] == [
        "2026-10-31T10:00:00.000Z",
        "gap-2026-10-31T15:00:00.000Z",
        "2026-11-18T10:00:00.000Z",
        "gap-2026-11-18T15:00:00.000Z",
        "2026-11-20T08:00:00.000Z",
    ]


def test_the_active_block_has_its_pace_and_where_it_leads(client: Client) -> None:
    [block] = ask(client, "?active=true")["blocks"]
    assert (block["is_active"], block["is_gap"], block["end"]) == (True, False, "2026-11-20T13:00:00.000Z")
    assert (block["actual_end"], block["totals"]["total_tokens"]) == ("2026-11-20T09:30:00.000Z", 300)
    assert block["burn_rate"]["tokens_per_minute"] == 5
    assert block["projection"]["remaining_minutes"] == 180
    assert block["projection"]["total_tokens"] == 300 + 5 * 180
    cost = int(block["totals"]["total_cost_nano"])
    assert block["burn_rate"]["cost_nano_per_hour"] == str(cost)
    assert block["projection"]["total_cost_nano"] == str(cost * 4)


def test_only_recent_blocks_and_only_so_many_days(client: Client) -> None:
    assert len(ask(client, "?recent=true")["blocks"]) == 3
    assert len(ask(client, "?days=3")["blocks"]) == 3
    assert len(ask(client, "?days=60")["blocks"]) == 7
    assert len(ask(client, "?days=1")["blocks"]) == 1


def test_a_limit_of_tokens_is_compared_with_the_projection(client: Client) -> None:
    assert ask(client, "?token_limit=1200")["token_limit"] == {
        "limit": 1200,
        "projected_tokens": 1200,
        "used_percentage": 100.0,
        "status": "warning",
    }
    assert ask(client, "?token_limit=1199")["token_limit"]["status"] == "exceeds"
    assert ask(client, "?token_limit=1501")["token_limit"]["status"] == "ok"
    assert ask(client, "?token_limit=max&active=true")["token_limit"]["limit"] == 300


def test_the_official_window_leads_where_it_is_known(store: Store) -> None:
    told = [LimitReading(NOW - 60_000, "/home/u/.claude", Limit("five_hour", 40, NOW + HOUR))]
    with asking(make_app(store, limits=lambda: told)) as client:
        answer = ask(client)
    assert answer["rule"] == "official"
    official = answer["blocks"][-1]
    assert (official["rule"], official["start"], official["end"]) == (
        "official",
        "2026-11-20T06:00:00.000Z",
        "2026-11-20T11:00:00.000Z",
    )
    assert {block["rule"] for block in answer["blocks"][:-1] if not block["is_gap"]} == {"estimated"}


def test_without_calls_there_are_no_blocks(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = ledger(tmp_path / "empty")
    with asking(make_app(empty)) as client:
        answer = ask(client, "?token_limit=max")
    empty.close()
    assert (answer["blocks"], answer["token_limit"], answer["rule"]) == ([], None, "estimated")


def test_without_a_price_there_is_no_cost(tmp_path: Path) -> None:
    (tmp_path / "unpriced").mkdir()
    unpriced = ledger(tmp_path / "unpriced")
    unpriced.append([fact(str(n), NOW - n * 60_000, model=UNPRICED) for n in (1, 2)], {}, now=NOW)
    with asking(make_app(unpriced)) as client:
        [block] = ask(client)["blocks"]
    unpriced.close()
    assert (block["burn_rate"]["cost_nano_per_hour"], block["projection"]["total_cost_nano"]) == (None, None)


@pytest.mark.parametrize(
    "question",
    [
        "days=0",
        "days=-1",
        "days=99999",
        "days=x",
        "token_limit=0",
        "token_limit=most",
        f"token_limit={10**15}",
        "timezone=Mars",
        "recent=maybe",
    ],
)
def test_nonsense_is_refused_with_what_is_accepted(client: Client, question: str) -> None:
    answer = client.get(f"/api/v1/stats/blocks?{question}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
