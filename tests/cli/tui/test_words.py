from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccledger.cli.tui.view import Spend
from ccledger.cli.tui.words import change, clock, day, duration, model_names, ordered, project_name, when
from tests.cli.tui.views import DAY, HAIKU, HOUR, MINUTE, NOTHING, NOW, OPUS, SESSIONS, TZ, UNPRICED


def costing(nano: int | None) -> Spend:
    return NOTHING._replace(cost_nano=nano, calls=1)


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [(112, 100, "+12 %"), (50, 100, "−50 %"), (100, 100, "+0 %"), (5, 0, ""), (0, 5, ""), (None, 5, ""), (5, None, "")],
)
def test_a_change_is_said_only_where_there_are_two_costs(now: int | None, before: int | None, said: str) -> None:
    assert change(costing(now), costing(before)) == said


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (-5, "less than a minute"),
        (MINUTE - 1, "less than a minute"),
        (46 * MINUTE, "46 min"),
        (2 * HOUR + 5 * MINUTE, "2 h 05 min"),
        (3 * DAY, "3 d"),
        (3 * DAY + 4 * HOUR + MINUTE, "3 d 4 h"),
    ],
)
def test_a_length_of_time_is_said_in_two_units(ms: int, said: str) -> None:
    assert duration(ms) == said


def test_times_are_those_of_the_zone() -> None:
    assert (clock(NOW, TZ), clock(NOW, UTC, seconds=True), day(NOW, TZ)) == ("14:32", "13:32:07", "Fri 20 Nov")


@pytest.mark.parametrize(
    ("ago", "said"),
    [(0, "14:32"), (14 * HOUR, "00:32"), (15 * HOUR, "Thu 23:32"), (-4 * DAY, "Tue 14:32"), (30 * DAY, "21 Oct")],
)
def test_a_moment_is_said_as_shortly_as_it_is_clear(ago: int, said: str) -> None:
    assert when(NOW - ago, NOW, TZ) == said


@pytest.mark.parametrize(
    ("path", "name"),
    [("/home/ana/shop", "shop"), ("/home/ana/shop/", "shop"), ("", "unknown"), ("/a\x1bb", "a\ufffdb")],
)
def test_a_project_is_called_by_the_last_part_of_its_path(path: str, name: str) -> None:
    assert project_name(path) == name


def test_the_dearest_model_stands_for_the_others() -> None:
    assert model_names(((OPUS, ()),)) == "opus-5"
    assert model_names(((OPUS, ()), (HAIKU, ()))) == "opus-5 +1"


@given(st.permutations(SESSIONS), st.sampled_from(["last call", "cost", "tokens", "project"]))
def test_an_order_does_not_depend_on_how_sessions_came(shuffled: list[object], order: str) -> None:
    assert ordered(tuple(shuffled), order) == ordered(SESSIONS, order)  # pyright: ignore[reportArgumentType] - they are sessions


def test_orders_are_what_they_say() -> None:
    newest = ordered(SESSIONS, "last call")
    assert [row.last_at_ms for row in newest] == sorted((row.last_at_ms for row in SESSIONS), reverse=True)
    dearest = ordered(UNPRICED.sessions, "cost")
    assert [row.spend.cost_nano or 0 for row in dearest] == sorted(
        (row.spend.cost_nano or 0 for row in UNPRICED.sessions), reverse=True
    )
    largest = ordered(SESSIONS, "tokens")
    assert largest[0].spend.tokens == max(row.spend.tokens for row in SESSIONS)
    assert [project_name(row.project) for row in ordered(SESSIONS, "project")][:2] == [
        "a-project-with-a-rather-long-name",
        "billing-service",
    ]
