from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ccledger.core.call import Reading, Terms, Usage
from ccledger.core.prices import FOREVER, Override, Period
from ccledger.ledger.store import Store, open_store
from tests.api.apps import BOOK, NOW, Client, asking, make_app
from tests.stats.facts import UNPRICED, fact

DAY_MS = 86_400_000


@pytest.fixture
def store(tmp_path: Path) -> Generator[Store]:
    filled = open_store(f"sqlite:///{tmp_path / 'ledger.db'}", lambda: BOOK.overlaid(filled.overrides()).cost, "UTC")
    filled.append(
        [
            fact("1", NOW - 60_000),
            fact("2", NOW - 5_000, model=UNPRICED),
            fact("3", NOW - 3 * DAY_MS, model="claude-haiku-4-5"),
            fact("4", NOW - 40 * DAY_MS),
        ],
        {},
        now=NOW,
    )
    yield filled
    filled.close()


@pytest.fixture
def client(store: Store) -> Generator[Client]:
    with asking(make_app(store)) as ready:
        yield ready


def ask(client: Client, path: str, **query: object) -> Any:
    answer = client.get(f"/api/v1/cost/{path}", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(client: Client, path: str) -> str:
    answer = client.get(f"/api/v1/cost/{path}")
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


def cost_of(model: str, at: int = NOW) -> int:
    cost = BOOK.cost(Reading(model, Usage(10, 20, 30, 40, 50)), at)
    assert cost is not None
    return cost.total


def test_estimate_of_the_last_30_days_by_model(client: Client) -> None:
    answer = ask(client, "estimate")
    assert set(answer) == {"timezone", "from", "to", "total_cost", "total_cost_nano", "complete", "breakdown"}
    assert (answer["from"], answer["to"]) == ("2026-10-22T00:00:00.000Z", "2026-11-21T00:00:00.000Z")
    expected = cost_of("claude-opus-4-5") + cost_of("claude-haiku-4-5")
    assert (answer["total_cost_nano"], answer["total_cost"]) == (str(expected), expected / 1e9)
    assert answer["complete"] is False
    assert list(answer["breakdown"]) == ["claude-opus-4-5", "claude-haiku-4-5", UNPRICED]
    opus = answer["breakdown"]["claude-opus-4-5"]
    assert opus["total_cost_nano"] == str(cost_of("claude-opus-4-5"))
    parts = ("input", "output", "cache_creation", "cache_read", "web_search")
    assert sum(int(opus[f"{part}_cost_nano"]) for part in parts) == cost_of("claude-opus-4-5")
    assert answer["breakdown"][UNPRICED]["total_cost"] is None
    assert (answer["breakdown"][UNPRICED]["calls"], answer["breakdown"][UNPRICED]["unpriced_calls"]) == (1, 1)


@pytest.mark.parametrize(
    ("query", "models"),
    [
        ({"days": 1}, {"claude-opus-4-5", UNPRICED}),
        ({"days": 4}, {"claude-opus-4-5", "claude-haiku-4-5", UNPRICED}),
        ({"start_date": "2026-11-17", "end_date": "2026-11-17"}, {"claude-haiku-4-5"}),
        ({"start_date": "2026-11-17", "end_date": "2026-11-17", "timezone": "Pacific/Kiritimati"}, set[str]()),
        (
            {"start_date": "2026-11-18", "end_date": "2026-11-18", "timezone": "Pacific/Kiritimati"},
            {"claude-haiku-4-5"},
        ),
        ({"start_date": "2026-11-20T09:59:30Z"}, {UNPRICED}),
        ({"start_date": "2026-11-20T09:59:00Z", "end_date": "2026-11-20T09:59:55Z"}, {"claude-opus-4-5"}),
        ({"start_date": "2026-10-01", "model": "claude-opus-4-5"}, {"claude-opus-4-5"}),
        ({"days": 4, "model": "all"}, {"claude-opus-4-5", "claude-haiku-4-5", UNPRICED}),
        ({"model": "nobody"}, set[str]()),
    ],
)
def test_estimate_of_a_period_takes_dates_times_zones_and_a_model(
    query: dict[str, object], models: set[str], client: Client
) -> None:
    assert set(ask(client, "estimate", **query)["breakdown"]) == models


def test_estimate_of_an_empty_period_is_zero_and_complete(client: Client) -> None:
    answer = ask(client, "estimate", start_date="2020-01-01", end_date="2020-01-02")
    assert (answer["total_cost"], answer["complete"], answer["breakdown"]) == (0.0, True, {})


tokens = st.integers(0, 10**9)


@given(
    counts=st.tuples(tokens, tokens, tokens, tokens, tokens, st.integers(0, 100)),
    model=st.sampled_from(["claude-opus-5", "claude-haiku-5-5", "us.anthropic.claude-opus-4-6-v1:0", UNPRICED]),
    manner=st.sampled_from([Terms.NONE, Terms.FAST, Terms.BATCH]),
    day=st.sampled_from(["2026-09-01", "2026-10-08", "2026-11-20"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_estimate_of_counts_is_what_such_a_call_would_be_booked_with(
    counts: tuple[int, ...], model: str, manner: Terms, day: str, client: Client
) -> None:
    names = (
        "input_tokens",
        "output_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "cache_read_tokens",
        "web_searches",
    )
    at = f"{day}T12:00:00Z"
    flags = {"fast": manner == Terms.FAST, "batch": manner == Terms.BATCH}
    answer = ask(client, "estimate", model=model, at=at, **flags, **dict(zip(names, counts, strict=True)))
    moment = int(datetime.fromisoformat(at).timestamp() * 1000)
    cost = BOOK.cost(Reading(model, Usage(*counts), int(manner)), moment)
    assert answer["complete"] == (cost is not None)
    assert answer["total_cost_nano"] == (None if cost is None else str(cost.total))
    found = {kind: row["cost_nano"] for kind, row in answer["breakdown"].items()}
    assert found == {
        kind: None if cost is None else str(part)
        for kind, part in zip(
            ("input", "output", "cache_creation", "cache_read", "web_search"), cost or [0] * 5, strict=True
        )
    }
    assert answer["breakdown"]["cache_creation"]["tokens"] == counts[2] + counts[3]


def test_estimate_of_an_unknown_model_has_no_cost_and_says_so(client: Client) -> None:
    answer = ask(client, "estimate", model="gpt-9", input_tokens=5)
    assert (answer["total_cost"], answer["total_cost_nano"], answer["complete"]) == (None, None, False)
    assert answer["breakdown"]["input"] == {"tokens": 5, "cost": None, "cost_nano": None}


def test_estimate_takes_cache_creation_tokens_as_a_sum(client: Client) -> None:
    plain = ask(client, "estimate", model="claude-opus-5", cache_creation_tokens=100)
    assert plain["total_cost_nano"] == str(100 * 6250)
    mixed = ask(client, "estimate", model="claude-opus-5", cache_creation_tokens=100, cache_write_1h_tokens=40)
    assert mixed["total_cost_nano"] == str(60 * 6250 + 40 * 10_000)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("start_date=yesterday", "start_date is a date or a time"),
        ("start_date=2026-11-20&end_date=2026-11-19", "ends before it begins"),
        ("days=0", "days is 1"),
        ("days=2&start_date=2026-11-01", "not both"),
        ("days=x", "days"),
        ("timezone=Mars/Olympus", "is not a time zone"),
        ("input_tokens=5", "say which model"),
        ("input_tokens=5&model=all", "say which model"),
        ("input_tokens=-1&model=claude-opus-5", "input_tokens is a whole number from 0"),
        ("input_tokens=9999999999999999&model=claude-opus-5", "input_tokens is a whole number from 0"),
        ("input_tokens=1.5&model=claude-opus-5", "input_tokens"),
        ("input_tokens=many&model=claude-opus-5", "input_tokens"),
        ("input_tokens=1&model=claude-opus-5&days=3", "days does not go with counts"),
        ("input_tokens=1&model=claude-opus-5&at=noon", "at is a date or a time"),
        ("input_tokens=1&model=claude-opus-5&fast=true&batch=true", "fast or batch"),
        ("cache_creation_tokens=1&cache_write_1h_tokens=2&model=claude-opus-5", "is the sum of"),
        ("cache_creation_tokens=9&cache_write_5m_tokens=2&model=claude-opus-5", "is the sum of"),
        ("fast=true", "fast asks for the price of a call"),
        ("at=2026-11-01", "at asks for the price of a call"),
    ],
)
def test_estimate_refuses_nonsense_and_says_what_is_accepted(query: str, said: str, client: Client) -> None:
    assert said in refused(client, f"estimate?{query}")


def test_pricing_lists_every_model_with_its_periods(client: Client) -> None:
    answer = ask(client, "pricing")
    assert set(answer) == {"models", "unpriced"}
    assert answer["unpriced"] == [UNPRICED]
    assert set(answer["models"]) == {model.name for model in BOOK.models}
    opus = answer["models"]["claude-opus-5"]
    prices = {name: opus[name] for name in opus if name.endswith("_price")}
    assert prices == {
        "input_price": 5.0,
        "output_price": 25.0,
        "cache_creation_price": 6.25,
        "cache_creation_1h_price": 10.0,
        "cache_read_price": 0.5,
    }
    assert (opus["effective_date"], opus["origin"], opus["fast_factor"]) == ("2026-07-24", "shipped", 2.0)
    sonnet = answer["models"]["claude-sonnet-5-5"]
    assert [(row["effective_date"], row["end_date"], row["cache_read_price"]) for row in sonnet["periods"]] == [
        ("2026-09-28", "2026-10-07", 0.2),
        ("2026-10-07", None, 0.1),
    ]
    assert sonnet["cache_read_price"] == 0.1
    haiku = answer["models"]["claude-haiku-5-5"]["periods"][-1]
    assert (haiku["long_context_over"], haiku["long_context"]["input_price"]) == (100_000, 0.5)


def test_what_is_set_is_in_force_at_once(client: Client, store: Store) -> None:
    before = ask(client, "estimate", model="claude-nova-9", input_tokens=1)
    assert before["complete"] is False
    card = BOOK.models[0].periods[0].card
    store.override(Override("claude-nova-9", Period(NOW - DAY_MS, NOW + DAY_MS, card, "a mail"), NOW, "me"))
    store.override(Override("claude-opus-5", Period(NOW + DAY_MS, FOREVER, card, "a mail"), NOW, "me"))
    assert ask(client, "estimate", model="claude-nova-9", input_tokens=1)["total_cost_nano"] == "8000"
    models = ask(client, "pricing")["models"]
    assert (models["claude-nova-9"]["origin"], models["claude-nova-9"]["source"]) == ("set", "a mail")
    assert models["claude-nova-9"]["effective_date"] == "2026-11-19"
    assert models["claude-opus-5"]["origin"] == "shipped"
    assert [row["origin"] for row in models["claude-opus-5"]["periods"]] == ["shipped", "set"]
    assert models["claude-opus-5"]["periods"][0]["end_date"] == "2026-11-21"
    store.append([fact("new", NOW, model="claude-nova-9")], {}, now=NOW)
    assert ask(client, "estimate", model="claude-nova-9")["complete"] is True


def test_a_price_that_has_ended_is_no_price_now(client: Client, store: Store) -> None:
    card = BOOK.models[0].periods[0].card
    store.override(Override("claude-nova-9", Period(0, NOW - DAY_MS, card, "a mail"), NOW, "me"))
    nova = ask(client, "pricing")["models"]["claude-nova-9"]
    assert (nova["input_price"], nova["effective_date"], len(nova["periods"])) == (None, None, 1)
