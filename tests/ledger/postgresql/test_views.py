"""The specification's tables: whoever asks PostgreSQL for them is told what SQLite would have said."""

# apsw's type stubs leave the types of bindings open, so every call of it looks partially unknown.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from ccledger.app import price_book
from ccledger.core.access import AccessToken
from ccledger.core.call import Outcome
from ccledger.core.prices import FOREVER, Card, Override, Period
from ccledger.ledger.store import KeptToken, open_store
from tests.ledger.test_views import NOON, fact
from tests.postgres import fetch, fresh_database

FACTS = [
    fact("1", token="t1", duration=700),
    fact("2", NOON - 86_400_000, model="nobody-knows", token="t1", duration=301),
    fact("3", NOON + 60_000, outcome=Outcome.ERROR, session="s2"),
    fact("4", NOON - 900_000_000, token="t2"),
]
TOKEN = AccessToken("t1", "laptop", "owner", NOON, "both", expires_at=NOON + 1)
QUESTIONS = {
    "token_usage": "SELECT * FROM token_usage ORDER BY id",
    "daily_summary": "SELECT * FROM daily_summary ORDER BY id",
    "usage_stats_daily": """
        SELECT stat_date, token_id, account_id, mode, model, request_count, success_count, error_count,
               total_prompt_tokens, total_completion_tokens, total_tokens, avg_duration_ms, avg_ttft_ms
        FROM usage_stats_daily ORDER BY stat_date, model, coalesce(token_id, '')
    """,
    "model_pricing": """
        SELECT model, input_price, output_price, cache_creation_price, cache_read_price, effective_date, is_active,
               end_date, cache_creation_1h_price, long_context_over, source, set_at, set_by
        FROM model_pricing ORDER BY model, effective_date, set_at IS NULL, input_price
    """,
    "tokens": "SELECT * FROM tokens ORDER BY id",
}


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    path = tmp_path_factory.mktemp("views") / "ledger.db"
    with fresh_database() as url:
        for each in (f"sqlite:///{path}", url):
            store = open_store(each, lambda: price_book().cost, "UTC")
            store.append(FACTS, {}, now=1)
            store.list_shipped("1", lambda: price_book().models)
            card = Card(price_book().models[0].periods[0].card.usd_per_mtok)
            store.override(Override(price_book().models[0].name, Period(NOON, FOREVER, card, "a mail"), NOON, "me"))
            store.keep_access_token(KeptToken(TOKEN, b"a"))
            store.close()
        yield path, url


@pytest.mark.parametrize("view", QUESTIONS)
def test_a_view_says_what_it_says_in_sqlite(urls: tuple[Path, str], view: str) -> None:
    path, url = urls
    expected = [tuple(row) for row in apsw.Connection(str(path)).execute(QUESTIONS[view])]
    found = fetch(url, QUESTIONS[view])
    assert [*map(rounded, found)] == [*map(rounded, expected)]
    assert found != []


def rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(round(value, 9) if isinstance(value, float) else value for value in row)
