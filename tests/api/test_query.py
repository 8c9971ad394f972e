"""Questions over HTTP: their words, and answers with no more than was asked."""

from typing import Any

import msgspec
import pytest

from ccledger.api.query import QueryAnswer
from ccledger.core.measures import Axis
from ccledger.stats.words import METRICS
from tests.api.apps import Client
from tests.api.test_stats import TOTALS, ask
from tests.stats.facts import UNPRICED

PATH = "/api/v1/stats/query"


def rows(client: Client, question: str) -> list[dict[str, Any]]:
    return ask(client, f"{PATH}?metrics=calls&{question}")["rows"]


def test_a_bare_question_is_the_last_thirty_days_in_all_words(client: Client) -> None:
    found = ask(client, PATH)
    assert set(found) == {"timezone", "from", "to", "grain", "group_by", "rows", "totals"}
    assert (found["from"], found["to"]) == ("2026-10-22T00:00:00.000Z", "2026-11-21T00:00:00.000Z")
    assert set(found["totals"]) == TOTALS == set(METRICS)
    assert found["rows"] == [found["totals"]]


def test_groups_have_their_values_and_only_the_metrics_asked_for(client: Client) -> None:
    assert rows(client, "group_by=model,project,session,source,access_token,account,user&order=model") == [
        {
            "model": model,
            "project": "/home/u/app",
            "session": "session-1",
            "source": "transcript",
            "access_token": None,
            "account": None,
            "user": None,
            "calls": 1,
        }
        for model in (UNPRICED, "claude-opus-4-5")
    ]


@pytest.mark.parametrize("question", ["", "group_by=model,user&grain=day&compare=previous&limit=1"])
def test_the_answer_is_as_described(client: Client, question: str) -> None:
    answer = client.get(f"{PATH}?{question}")
    assert msgspec.to_builtins(msgspec.json.decode(answer.content, type=QueryAnswer)) == answer.json()


@pytest.mark.parametrize(
    ("filters", "calls"),
    [
        ("filter=model:claude-opus-4-5", 1),
        (f"filter=model:claude-opus-4-5&filter=model:{UNPRICED}", 2),
        ("filter=-model:claude-opus-4-5", 1),
        ("filter=-model:nobody", 2),
        ("filter=model:nobody", 0),
        ("filter=project:/home/u/app&filter=model:claude-opus-4-5", 1),
        ("filter=project:", 0),
        ("filter=access_token:", 2),
        ("filter=source:gateway", 0),
        ("filter=-source:gateway", 2),
        ("filter=session:session-1", 2),
    ],
)
def test_filters_take_and_leave_out(client: Client, filters: str, calls: int) -> None:
    assert rows(client, filters) == [{"calls": calls}]


def test_a_grain_has_every_span_and_each_its_start(client: Client) -> None:
    found = rows(client, "grain=hour&days=1&timezone=Asia/Kathmandu")
    assert len(found) == 24
    assert found[0] == {"start": "2026-11-19T18:15:00.000Z", "calls": 0}
    assert [row["start"] for row in found if row["calls"]] == ["2026-11-20T09:15:00.000Z"]


def test_what_the_limit_cuts_off_comes_together(client: Client) -> None:
    found = ask(client, f"{PATH}?metrics=calls,total_cost_nano&group_by=model&limit=1&grain=month&days=1")
    assert [row["model"] for row in found["rows"]] == ["claude-opus-4-5"]
    assert found["rest"] == {"calls": 1, "total_cost_nano": None}
    assert found["rest_rows"] == [{"start": "2026-11-20T00:00:00.000Z", "calls": 1, "total_cost_nano": None}]
    assert found["totals"] == {"calls": 2, "total_cost_nano": "960"}


def test_the_range_before_is_compared_when_asked(client: Client) -> None:
    found = ask(client, f"{PATH}?metrics=calls&days=1&compare=previous&group_by=source")
    assert found["rows"] == [{"source": "transcript", "calls": 2, "previous": {"calls": 0}}]
    assert found["previous_totals"] == {"calls": 0}
    assert (found["previous_from"], found["previous_to"]) == ("2026-11-19T00:00:00.000Z", "2026-11-20T00:00:00.000Z")


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("group_by=modell", f"group_by takes {', '.join(Axis)}"),
        ("filter=model", "model:claude-opus-5"),
        ("filter=colour:red", "access_token"),
        ("metrics=calls,cost", "total_cost_nano"),
        ("grain=year", "none, hour, day, week, month"),
        ("order=price", "a metric or a field of group_by"),
        ("order=project", "a metric or a field of group_by"),
        ("limit=0", "limit is 1 to 1000"),
        ("limit=1001", "limit is 1 to 1000"),
        ("compare=last", "'previous'"),
        ("days=0", "days is 1"),
        ("start_date=soon", "start_date is a date"),
        ("start_date=2026-11-02&end_date=2026-11-01", "start_date comes first"),
        ("timezone=Mars/Olympus", "IANA"),
        ("grain=hour&days=1000", "coarser grain"),
    ],
)
def test_nonsense_is_refused_with_what_is_accepted(client: Client, question: str, said: str) -> None:
    answer = client.get(f"{PATH}?{question}")
    assert answer.status_code == 400
    assert said in answer.json()["error"]
