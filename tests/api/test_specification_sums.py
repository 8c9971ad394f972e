"""The monitor's specification, section 2: what is derived from calls, named as in `test_specification.py`."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.serving import Program, program, skip_before_midnight
from tests.cli.program import write_lines

NOW = datetime.now(UTC)
OPUS, SONNET, NOBODY = "claude-opus-4-5", "claude-sonnet-4-5", "claude-nobody-9"
USAGE = {
    "input_tokens": 1000,
    "output_tokens": 500,
    "cache_creation_input_tokens": 200,
    "cache_read_input_tokens": 800,
}
TOKENS = 2500
OPUS_NANO = 1000 * 5000 + 500 * 25_000 + 200 * 6250 + 800 * 500
MOMENTS = [NOW - timedelta(hours=1 + 8 * number) for number in range(130)]
CALLS = [(at, (OPUS, SONNET, NOBODY)[number % 10 // 4]) for number, at in enumerate(MOMENTS)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Program]:
    folder = tmp_path_factory.mktemp("home")
    lines = [{"timestamp": at.isoformat(), "message": {"model": model, "usage": USAGE}} for at, model in CALLS]
    write_lines(folder / "claude", *lines)
    skip_before_midnight(NOW)
    with program(folder) as running:
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
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(server, path, **parameters)
    with refused.value as answer:
        assert answer.code == 400
        return json.load(answer)["error"]


def of_days(days: int, *models: str) -> list[datetime]:
    """When calls of the last days were, today included; of all models without one."""
    first = NOW.date() - timedelta(days=days - 1)
    return [at for at, model in CALLS if at.date() >= first and (not models or model in models)]


# 2.1.1


def test_2_1_1_stats_models(server: Program) -> None:
    names = get(server, "stats/models")
    assert set(names) == {OPUS, SONNET, NOBODY}
    assert names[:2] == [OPUS, SONNET]


def test_2_1_1_stats_trends_without_a_period(server: Program) -> None:
    answer = get(server, "stats/trends")
    assert {"daily", "weekly"} <= set(answer)
    assert sum(point["total_tokens"] for point in answer["daily"]) == TOKENS * len(of_days(30))


# 2.1.3


def test_2_1_3_cost_estimate(server: Program) -> None:
    answer = get(server, "cost/estimate")
    assert set(answer["breakdown"]) >= {OPUS, SONNET}
    assert answer["total_cost"] == pytest.approx(
        sum(model["total_cost"] or 0 for model in answer["breakdown"].values()), abs=1e-9
    )
    assert answer["complete"] is False  # one of the models has no price


def test_2_1_3_cost_estimate_of_a_model(server: Program) -> None:
    answer = get(server, "cost/estimate", model=OPUS)
    nano = OPUS_NANO * len(of_days(30, OPUS))
    assert answer["total_cost_nano"] == str(nano)
    assert answer["total_cost"] == pytest.approx(nano / 1e9, abs=1e-12)


def test_2_1_3_cost_estimate_of_days(server: Program) -> None:
    start = NOW.date() - timedelta(days=4)
    answer = get(server, "cost/estimate", model=OPUS, start_date=start, end_date=NOW.date())
    assert answer["total_cost_nano"] == str(OPUS_NANO * len(of_days(5, OPUS)))


def test_2_1_3_cost_estimate_of_counts(server: Program) -> None:
    answer = get(server, "cost/estimate", model=OPUS, input_tokens=1_000_000, output_tokens=1_000_000)
    assert answer["total_cost"] == pytest.approx(30.0)


def test_2_1_3_cost_pricing(server: Program) -> None:
    answer = get(server, "cost/pricing")
    assert answer["models"][OPUS]["input_price"] == 5
    assert answer["models"][OPUS]["output_price"] == 25
    assert answer["models"][OPUS]["cache_read_price"] == 0.5
    assert answer["models"][OPUS]["cache_creation_price"] == 6.25
    assert NOBODY in json.dumps(answer["unpriced"])


# 2.2.2


def test_2_2_2_the_answer(server: Program) -> None:
    answer = get(server, "stats/trends", period="daily", days=30)
    assert answer["period"] == "daily"
    point = answer["data"][-2]
    day = NOW.date() - timedelta(days=1)
    calls = [at for at in MOMENTS if at.date() == day]
    assert point["date"][:10] == day.isoformat()
    assert point["total_tokens"] == TOKENS * len(calls)
    assert (point["input_tokens"], point["output_tokens"]) == (1000 * len(calls), 500 * len(calls))
    assert point["cache_hit_rate"] == pytest.approx(800 / 1800)
    assert "cost" in point


@pytest.mark.parametrize("period", ["hourly", "daily", "weekly", "monthly"])
def test_2_2_2_period(server: Program, period: str) -> None:
    answer = get(server, "stats/trends", period=period, days=43)
    assert answer["period"] == period
    assert sum(point["total_tokens"] for point in answer["data"]) == TOKENS * len(of_days(43))
    dates = [point["date"] for point in answer["data"]]
    assert dates == sorted(dates)


def test_2_2_2_an_unknown_period_is_refused(server: Program) -> None:
    said = refusal(server, "stats/trends", period="yearly")
    assert all(period in said for period in ("hourly", "daily", "weekly", "monthly"))


@pytest.mark.parametrize("days", [1, 7, 30, 43])
def test_2_2_2_days(server: Program, days: int) -> None:
    answer = get(server, "stats/trends", period="daily", days=days)
    assert len(answer["data"]) == days
    assert sum(point["total_tokens"] for point in answer["data"]) == TOKENS * len(of_days(days))


def test_2_2_2_days_are_30_by_default(server: Program) -> None:
    assert len(get(server, "stats/trends", period="daily")["data"]) == 30


@pytest.mark.parametrize("days", [0, -1, "abc"])
def test_2_2_2_days_that_are_none_are_refused(server: Program, days: object) -> None:
    assert "days" in refusal(server, "stats/trends", period="daily", days=days)


def test_2_2_2_the_time_zone(server: Program) -> None:
    answer = get(server, "stats/trends", period="daily", days=3, timezone="Asia/Kathmandu")
    assert answer["timezone"] == "Asia/Kathmandu"
    assert len(answer["data"]) == 3
