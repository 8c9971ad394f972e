from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.program import History, Run, cells, write_lines
from tests.corpora.made import write_corpus

Make = Callable[..., History]

COUNTS = {"inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens"}
ROW = COUNTS | {"totalTokens", "totalCost", "modelsUsed", "modelBreakdowns"}
BREAKDOWN = COUNTS | {"modelName", "cost"}
TOTALS = COUNTS | {"totalTokens", "totalCost"}
CCUSAGE: dict[str, set[str]] = {
    "daily": ROW | {"date"},
    "weekly": ROW | {"week"},
    "monthly": ROW | {"month"},
    "session": ROW | {"sessionId", "projectPath", "firstActivity", "lastActivity"},
}
"""The keys of ccusage 20's rows; where a price lacks, a breakdown also has `missingPricing`."""
OURS_ROW, OURS_BREAKDOWN = {"total_cost_nano", "complete"}, {"cost_nano"}


@pytest.mark.parametrize("command", CCUSAGE)
def test_the_json_has_all_keys_of_ccusage_and_few_more(command: str, ccledger: Run, history: Make) -> None:
    report = ccledger(command, "--json", history=history(1)).json
    name = "sessions" if command == "session" else command
    assert set(report) == {name, "totals"}
    assert set(report["totals"]) == TOTALS | {"unpricedModels"} | OURS_ROW
    for row in report[name]:
        assert set(row) == CCUSAGE[command] | OURS_ROW
        for model in row["modelBreakdowns"]:
            assert set(model) - {"missingPricing"} == BREAKDOWN | OURS_BREAKDOWN


def test_projects_are_told_apart_as_ccusage_does(ccledger: Run, history: Make) -> None:
    report = ccledger("daily", "-i", "--json", history=history(1)).json
    assert set(report) == {"projects", "totals"}
    for folder, rows in report["projects"].items():
        assert rows
        assert all(set(row) == ROW | OURS_ROW | {"date", "project"} and row["project"] == folder for row in rows)


@pytest.mark.parametrize(
    ("command", "empty"), [("daily", "daily"), ("weekly", "weekly"), ("monthly", "monthly"), ("session", "sessions")]
)
def test_nothing_is_an_empty_list_and_zeros(command: str, empty: str, ccledger: Run) -> None:
    zeros = dict.fromkeys((*COUNTS, "totalTokens", "totalCost"), 0)
    assert ccledger(command, "--json").json == {
        empty: [],
        "totals": {**zeros, "total_cost_nano": "0", "complete": True},
    }


def test_nothing_by_project_is_empty_too(ccledger: Run) -> None:
    assert ccledger("daily", "-i", "--json").json["projects"] == {}


def test_nothing_as_a_table_says_who_knows_more(ccledger: Run) -> None:
    ran = ccledger("daily")
    assert (ran.code, ran.err) == (0, "")
    assert "'ccledger doctor'" in ran.out


def test_an_unpriced_model_has_tokens_and_no_cost_and_the_total_is_a_lower_bound(ccledger: Run, own: History) -> None:
    write_lines(own.root, {}, {"message": {"model": "glm-5"}})
    report = ccledger("daily", "--json", history=own).json
    priced, unpriced = report["daily"][0]["modelBreakdowns"]
    assert (unpriced["modelName"], unpriced["cost"], unpriced["cost_nano"]) == ("glm-5", None, None)
    assert unpriced["missingPricing"] is True
    assert "missingPricing" not in priced
    assert report["totals"]["total_cost_nano"] == priced["cost_nano"] == "700000"
    assert (report["totals"]["complete"], report["totals"]["unpricedModels"]) == (False, ["glm-5"])
    assert report["totals"]["outputTokens"] == 40


def test_a_total_of_unpriced_calls_alone_is_null(ccledger: Run, own: History) -> None:
    write_lines(own.root, {"message": {"model": "glm-5"}})
    totals = ccledger("daily", "--json", history=own).json["totals"]
    assert (totals["totalCost"], totals["total_cost_nano"], totals["complete"]) == (None, None, False)


def test_the_order_turns_round(ccledger: Run, history: Make) -> None:
    ascending = ccledger("daily", "--json", history=history(1)).json["daily"]
    assert ccledger("daily", "--json", "-o", "desc", history=history(1)).json["daily"] == ascending[::-1]
    assert [row["date"] for row in ascending] == sorted(row["date"] for row in ascending)


@pytest.mark.parametrize(("name", "found"), [("-home-app-shop", 1), ("/home/app/shop", 1), ("shop", 1), ("sho", 0)])
def test_a_project_is_named_by_its_folder_its_path_or_its_last_part(
    name: str, found: int, ccledger: Run, own: History
) -> None:
    write_lines(own.root, {})
    write_lines(own.root, {"cwd": "/home/app/other"}, folder="-home-app-other", session="s2")
    assert len(ccledger("session", "--json", "--project", name, history=own).json["sessions"]) == found
    days = ccledger("daily", "--json", "-p", name, history=own).json["daily"]
    assert [row["outputTokens"] for row in days] == [20] * found


def test_a_session_is_named_by_its_id_or_how_that_begins(ccledger: Run, own: History) -> None:
    write_lines(own.root, {}, session="11aa")
    write_lines(own.root, {}, session="11bb")
    for asked, found in (("11aa", ["11aa"]), ("11b", ["11bb"]), ("11", ["11aa", "11bb"]), ("2", [])):
        sessions = ccledger("session", "--json", "--id", asked, history=own).json["sessions"]
        assert [row["sessionId"] for row in sessions] == found


def test_a_session_says_when_and_where_it_ran(ccledger: Run, own: History) -> None:
    write_lines(own.root, {}, {"timestamp": "2026-11-11T09:30:00Z"})
    (row,) = ccledger("session", "--json", history=own).json["sessions"]
    assert (row["firstActivity"], row["lastActivity"]) == ("2026-11-10T10:00:00.000Z", "2026-11-11T09:30:00.000Z")
    assert (row["sessionId"], row["projectPath"]) == ("s1", "-home-app-shop")


@pytest.mark.parametrize(
    ("start", "weeks"), [("sunday", ["2026-11-08"]), ("tuesday", ["2026-11-10"]), ("wednesday", ["2026-11-04"])]
)
def test_a_week_begins_on_the_day_asked_for(start: str, weeks: list[str], ccledger: Run, own: History) -> None:
    write_lines(own.root, {})
    report = ccledger("weekly", "--json", "--start-of-week", start, history=own).json
    assert [row["week"] for row in report["weekly"]] == weeks


def test_the_last_periods_end_today(ccledger: Run, own: History) -> None:
    now = datetime.now(UTC)
    months = now.year * 12 + now.month - 2
    month_before = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    week_before = now - timedelta(days=7)
    write_lines(own.root, *({"timestamp": at.isoformat()} for at in (now, week_before, month_before)))
    for command in ("daily", "weekly"):
        rows = ccledger(command, "--json", "--last", "1", history=own).json[command]
        assert [row["outputTokens"] for row in rows] == [20]
    assert len(ccledger("weekly", "--json", "--last", "2", history=own).json["weekly"]) == 2
    assert len(ccledger("monthly", "--json", "--last", "1", history=own).json["monthly"]) == 1
    assert len(ccledger("monthly", "--json", "--last", "2", history=own).json["monthly"]) == 2
    assert len(ccledger("session", "--last", "1", "--json", history=own).json["sessions"]) == 1


@pytest.mark.parametrize("count", ["99999", "9" * 30])
@pytest.mark.parametrize("command", ["daily", "weekly", "monthly", "session"])
def test_more_periods_than_there_ever_were_are_all_of_them(
    command: str, count: str, ccledger: Run, history: Make
) -> None:
    whole = ccledger(command, "--json", history=history(1)).json
    assert ccledger(command, "--json", "--last", count, history=history(1)).json == whole


@pytest.mark.parametrize("command", ["daily", "session"])
def test_limits_at_the_ends_of_the_calendar_are_no_limits(command: str, ccledger: Run, history: Make) -> None:
    limits = ("--since", "0001-01-01", "--until", "9999-12-31", "--timezone", "Asia/Shanghai")
    whole = ccledger(command, "--json", "-z", "Asia/Shanghai", history=history(1)).json
    assert ccledger(command, "--json", *limits, history=history(1)).json == whole


def test_one_day_is_asked_for_with_both_limits(ccledger: Run, own: History) -> None:
    write_lines(own.root, {"timestamp": "2026-11-09T23:59:59.999Z"}, {}, {"timestamp": "2026-11-11T00:00:00.000Z"})
    for command, name in (("daily", "daily"), ("session", "sessions")):
        rows = ccledger(command, "--json", "-s", "20261110", "-u", "2026-11-10", history=own).json[name]
        assert [row["outputTokens"] for row in rows] == [20]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "2026-13-01"), "--since takes a date"),
        (("--until", "2026-W45-1"), "--until takes a date"),
        (("--since", "2026-11-02", "--until", "2026-11-01"), "--since 2026-11-02 is after --until 2026-11-01"),
        (("--since", "2026-11-02", "--last", "3"), "give one of them"),
        (("--last", "0"), "--last takes a whole number from 1"),
        (("--last", "-1"), "--last takes a whole number from 1"),
        (("--timezone", "Mars/Phobos"), "'Mars/Phobos' is not a time zone; use an IANA name"),
        (("--order", "up"), "--order takes asc or desc, not 'up'"),
        (("--project",), "--project takes a value"),
    ],
)
def test_wrong_usage_says_what_is_accepted(arguments: tuple[str, ...], said: str, ccledger: Run) -> None:
    ran = ccledger("daily", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_another_ledger_zone_moves_the_days(ccledger: Run, own: History) -> None:
    write_lines(own.root, {"timestamp": "2026-11-10T23:30:00Z"})

    def days(**environment: str) -> list[str]:
        return [row["date"] for row in ccledger("daily", "--json", history=own, **environment).json["daily"]]

    assert days(CCLEDGER_TIMEZONE="Europe/Berlin") == ["2026-11-11"]
    assert days(CCLEDGER_TIMEZONE="America/New_York") == ["2026-11-10"]
    assert days(TZ="Asia/Tokyo") == ["2026-11-11"]
    assert days(CCLEDGER_TIMEZONE="Etc/UTC") == ["2026-11-10"]


def test_what_is_added_between_two_reports_is_in_the_second(ccledger: Run, own: History) -> None:
    write_lines(own.root, {})
    first = ccledger("daily", "--json", history=own).json
    assert ccledger("daily", "--json", history=own).json == first
    write_lines(own.root, {}, session="s2")
    assert ccledger("daily", "--json", history=own).json["totals"]["outputTokens"] == 40


def test_a_report_needs_no_network_whatever_it_is_told(ccledger: Run, history: Make) -> None:
    whole = ccledger("daily", "--json", history=history(1)).json
    for flag in ("-O", "--offline", "--no-offline"):
        assert ccledger("daily", "--json", flag, history=history(1)).json == whole


def test_a_claude_directory_can_be_named_on_the_command_line(ccledger: Run, own: History, tmp_path: Path) -> None:
    for number in (1, 2):
        write_lines(tmp_path / f"other{number}", {}, session=f"s{number}")
    asked = ("--claude-dir", str(tmp_path / "other1"), "--claude-dir", str(tmp_path / "other2"))
    data = ("--data-dir", str(tmp_path / "elsewhere"))
    report = ccledger("daily", "--json", *asked, *data, history=own).json
    assert report["totals"]["outputTokens"] == 40
    assert (tmp_path / "elsewhere" / "ledger.db").exists()
    assert not own.data.exists()


def test_chinese_names_are_written_as_they_are(ccledger: Run, tmp_path: Path) -> None:
    write_lines(tmp_path / "claude", {"cwd": "/home/app/商店"}, folder="-home-app--")
    made = History(tmp_path / "claude", tmp_path / "ledger")
    assert "商店" in ccledger("session", history=made).out


def test_the_same_history_gives_the_same_bytes(ccledger: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_corpus(tmp_path / name, seed=4, sessions=3)
    one, two = (
        ccledger("daily", "--json", history=History(tmp_path / name, tmp_path / f"{name}-ledger"))
        for name in ("one", "two")
    )
    assert one.out == two.out
    assert cells(one.json)
