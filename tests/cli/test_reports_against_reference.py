"""Whether every report says what the reference reads in the same files, to the token and the nano-dollar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from tests.cli.program import History, Run, cells, expected
from tests.corpora.made import TRAPS, write_corpus
from tests.corpora.reference import Tally, plus, tally_days

ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Apia")
SEEDS = (1, 2)

Make = Callable[..., History]


def merged(days: dict[str, dict[str, Tally]], name: Callable[[date], str]) -> dict[str, dict[str, Tally]]:
    periods: dict[str, dict[str, Tally]] = {}
    for day, models in days.items():
        period = periods.setdefault(name(date.fromisoformat(day)), {})
        for model, tally in models.items():
            period[model] = plus(period.get(model, Tally()), tally)
    return periods


def sunday_before(day: date) -> str:
    return (day - timedelta(days=day.isoweekday() % 7)).isoformat()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_day_of_all_traps_together_is_right(seed: int, zone: str, ccledger: Run, history: Make) -> None:
    made = history(seed)
    report = ccledger("daily", "--json", "--timezone", zone, history=made).json
    assert cells(report) == expected(made.days(zone))


@pytest.mark.parametrize("zone", ZONES[1:3])
def test_a_ledger_kept_in_the_zone_itself_says_the_same(zone: str, ccledger: Run, history: Make) -> None:
    made = history(3)
    report = ccledger("daily", "--json", history=made, CCLEDGER_TIMEZONE=zone).json
    assert cells(report) == expected(made.days(zone))


@pytest.mark.parametrize("trap", TRAPS)
def test_every_trap_alone_is_right(trap: str, ccledger: Run, tmp_path: Any) -> None:
    write_corpus(tmp_path / "claude", seed=11, sessions=0, traps=[trap])
    made = History(tmp_path / "claude", tmp_path / "ledger")
    report = ccledger("daily", "--json", history=made, CCLEDGER_TIMEZONE="Australia/Lord_Howe").json
    assert cells(report) == expected(made.days("Australia/Lord_Howe"))


@pytest.mark.parametrize("zone", ZONES[:3])
def test_weeks_and_months_are_the_sums_of_their_days(zone: str, ccledger: Run, history: Make) -> None:
    made = history(1)
    days = made.days(zone)
    weekly = ccledger("weekly", "--json", "-z", zone, history=made).json
    assert cells(weekly, "week", "weekly") == expected(merged(days, sunday_before))
    monthly = ccledger("monthly", "--json", "-z", zone, history=made).json
    assert cells(monthly, "month", "monthly") == expected(merged(days, lambda day: day.isoformat()[:7]))


@pytest.mark.parametrize("command", ["daily", "weekly", "monthly", "session"])
def test_totals_are_those_of_all_calls(command: str, ccledger: Run, history: Make) -> None:
    made = history(1)
    totals = ccledger(command, "--json", history=made).json["totals"]
    models = merged(made.days("UTC"), lambda _: "").get("", {})
    whole = Tally()
    for tally in models.values():
        whole = plus(whole, tally)
    assert totals["total_cost_nano"] == str(whole.cost_nano)
    assert (totals["inputTokens"], totals["outputTokens"]) == (whole.input, whole.output)
    assert totals["cacheCreationTokens"] == whole.cache_write_5m + whole.cache_write_1h
    assert totals["unpricedModels"] == sorted(name for name, tally in models.items() if tally.unpriced_calls)
    assert totals["complete"] is False


def test_projects_add_up_to_their_day(ccledger: Run, history: Make) -> None:
    made = history(1)
    projects = ccledger("daily", "--json", "--instances", history=made).json["projects"]
    tokens: dict[str, int] = {}
    for rows in projects.values():
        for row in rows:
            tokens[row["date"]] = tokens.get(row["date"], 0) + row["totalTokens"]
    days = ccledger("daily", "--json", history=made).json["daily"]
    assert tokens == {row["date"]: row["totalTokens"] for row in days}


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/Los_Angeles"])
@pytest.mark.parametrize("command", ["daily", "session"])
def test_limits_are_exact_in_the_zone_asked_for(zone: str, command: str, ccledger: Run, history: Make) -> None:
    made = history(2)
    asked = ("--since", "2026-10-08", "--until", "20261015", "-z", zone)
    totals = ccledger(command, "--json", *asked, history=made).json["totals"]
    whole = Tally()
    for day, models in tally_days(made.facts, timezone=zone).items():
        if "2026-10-08" <= day <= "2026-10-15":
            for tally in models.values():
                whole = plus(whole, tally)
    assert (totals["outputTokens"], totals["total_cost_nano"]) == (whole.output, str(whole.cost_nano))
    assert whole.calls > 10
