"""Trends and models over HTTP, in the words of the specification."""

import pytest

from tests.api.apps import Client
from tests.api.test_stats import ask
from tests.stats.facts import UNPRICED

POINT = {
    "as_of",
    "date",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "cache_creation_tokens",
    "cache_read_tokens",
    "cache_hit_rate",
    "cost",
    "cost_nano",
    "calls",
    "complete",
}


def test_models_come_the_dearest_first(client: Client) -> None:
    assert ask(client, "/api/v1/stats/models") == ["claude-opus-4-5", UNPRICED]


@pytest.mark.parametrize(("period", "points"), [("hourly", 48), ("daily", 2), ("weekly", 1), ("monthly", 1)])
def test_a_period_answers_its_points(client: Client, period: str, points: int) -> None:
    found = ask(client, f"/api/v1/stats/trends?period={period}&days=2&timezone=Asia/Kathmandu")
    assert set(found) == {"timezone", "period", "data"}
    assert (found["timezone"], found["period"], len(found["data"])) == ("Asia/Kathmandu", period, points)
    assert all(set(point) == POINT for point in found["data"])
    assert sum(point["calls"] for point in found["data"]) == 2


def test_without_a_period_there_are_days_and_weeks(client: Client) -> None:
    found = ask(client, "/api/v1/stats/trends")
    assert set(found) == {"timezone", "daily", "weekly"}
    assert len(found["daily"]) == 30
    assert len(found["weekly"]) == 5


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("period=yearly", "hourly, daily, weekly, monthly"),
        ("days=0", "days is 1"),
        ("days=-1", "days is 1"),
        ("days=x", "days"),
        ("period=hourly&days=1000", "shorter range"),
        ("timezone=Mars/Olympus", "IANA"),
    ],
)
def test_nonsense_is_refused_with_what_is_accepted(client: Client, question: str, said: str) -> None:
    answer = client.get(f"/api/v1/stats/trends?{question}")
    assert answer.status_code == 400
    assert said in answer.json()["error"]
