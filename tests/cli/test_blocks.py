"""`ccledger blocks`: ccusage's shape and figures, its options, and tables for every width."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ccledger import app
from ccledger.core.limits import Limit
from ccledger.ledger.limits import keep_limits
from tests.cli.program import History, Run, write_lines
from tests.corpora.against_ccusage import PEERS, find_ccusage

Make = Callable[..., History]
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FIELDS = {
    "id",
    "startTime",
    "endTime",
    "actualEndTime",
    "isActive",
    "isGap",
    "rule",
    "entries",
    "tokenCounts",
    "totalTokens",
    "costUSD",
    "cost_nano",
    "complete",
    "models",
    "burnRate",
    "projection",
}


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_calls(history: History, *moments: datetime, **message: Any) -> None:
    write_lines(history.root, *({"timestamp": text(moment), "message": message} for moment in moments))


@pytest.fixture
def busy(own: History, monkeypatch: pytest.MonkeyPatch) -> History:
    """Three blocks, the last of them active: two calls half an hour apart, half an hour ago."""
    monkeypatch.setattr(app, "clock", lambda: int(NOW.timestamp() * 1000))
    days = [NOW - timedelta(days=9), NOW - timedelta(days=2), NOW - timedelta(days=2, minutes=5)]
    write_calls(own, *days, NOW - timedelta(hours=1), NOW - timedelta(minutes=30))
    return own


def test_the_shape_is_ccusages(busy: History, ccledger: Run) -> None:
    found = ccledger("blocks", "--json", "--timezone", "UTC", history=busy).json["blocks"]
    assert all(set(block) == FIELDS for block in found)
    assert [(block["id"], block["entries"]) for block in found] == [
        ("2026-11-11T12:00:00.000Z", 1),
        ("gap-2026-11-11T17:00:00.000Z", 0),
        ("2026-11-18T11:00:00.000Z", 2),
        ("gap-2026-11-18T17:00:00.000Z", 0),
        ("2026-11-20T11:00:00.000Z", 2),
    ]
    gap, active = found[3], found[4]
    assert (gap["endTime"], gap["actualEndTime"], gap["models"]) == ("2026-11-20T11:00:00.000Z", None, [])
    assert (gap["costUSD"], gap["isGap"], gap["burnRate"], gap["projection"]) == (0, True, None, None)
    assert active["tokenCounts"] == {
        "inputTokens": 20,
        "outputTokens": 40,
        "cacheCreationInputTokens": 0,
        "cacheReadInputTokens": 600,
    }
    assert active["burnRate"] == {"tokensPerMinute": 22.0, "tokensPerMinuteForIndicator": 2.0, "costPerHour": 0.0028}
    assert active["projection"] == {"totalTokens": 660 + 22 * 240, "totalCost": 0.01, "remainingMinutes": 240}
    assert found[2]["burnRate"] is None


@pytest.mark.parametrize(
    ("options", "starts"),
    [
        (("--active",), ["20T11"]),
        (("--recent",), ["18T11", "20T11"]),
        (("--since", "2026-11-18"), ["18T11", "20T11"]),
        (("--since", "20261119"), ["20T11"]),
        (("--until", "2026-11-18"), ["11T12", "18T11"]),
        (("--since", "2026-11-12", "--until", "2026-11-19"), ["18T11"]),
        (("--order", "desc"), ["20T11", "18T11", "11T12"]),
        (("--since", "2026-11-19", "--timezone", "Pacific/Kiritimati"), ["18T11", "20T11"]),
        (("--until", "2026-11-11", "--timezone", "Pacific/Kiritimati"), []),
        (("--since", "0001-01-01", "--until", "9999-12-31"), ["11T12", "18T11", "20T11"]),
        (("--session-length", "1"), ["11T12", "18T11", "20T11"]),
    ],
)
def test_options_choose_blocks(options: tuple[str, ...], starts: list[str], busy: History, ccledger: Run) -> None:
    found = ccledger("blocks", "--json", *options, history=busy).json["blocks"]
    assert [block["id"][8:13] for block in found if not block["isGap"]] == starts


def test_a_block_may_be_shorter(busy: History, ccledger: Run) -> None:
    last = ccledger("blocks", "--json", "-n", "1", history=busy).json["blocks"][-1]
    assert (last["endTime"], last["isActive"]) == ("2026-11-20T12:00:00.000Z", False)


def test_limits_are_those_asked_for_or_the_highest_finished_block(busy: History, ccledger: Run) -> None:
    def status(*options: str) -> Any:
        found = ccledger("blocks", "--json", *options, history=busy).json["blocks"]
        assert ["tokenLimitStatus" in block for block in found] == [False] * (len(found) - 1) + [True]
        return found[-1]["tokenLimitStatus"]

    assert status("-t", "5940") == {"limit": 5940, "projectedUsage": 5940, "percentUsed": 100.0, "status": "warning"}
    assert status("--token-limit", "5939")["status"] == "exceeds"
    assert status("-t", "7426")["status"] == "ok"
    assert status("-t", "max")["limit"] == status("-t", "max", "--active")["limit"] == 660


def test_the_provider_s_window_takes_the_guess_s_place(busy: History, ccledger: Run) -> None:
    now = int(NOW.timestamp() * 1000)
    busy.data.mkdir(mode=0o700)
    keep_limits(busy.data, "/c", [Limit("five_hour", 12.0, now + 3_600_000)], now - 1000)
    [block] = ccledger("blocks", "--json", "--active", history=busy).json["blocks"]
    assert (block["rule"], block["startTime"], block["entries"]) == ("official", "2026-11-20T08:00:00.000Z", 2)
    page = ccledger("blocks", "--active", history=busy).out
    assert "official" in page
    assert "1h 00m left" in page
    [block] = ccledger("blocks", "--json", "--active", "-n", "4", history=busy).json["blocks"]
    assert block["rule"] == "estimated"


def test_the_active_block_in_words(busy: History, ccledger: Run) -> None:
    page = ccledger("blocks", "--active", "--timezone", "Asia/Kathmandu", "-t", "9999", history=busy).out
    assert page.splitlines() == [
        "Active block, estimated",
        "  from       2026-11-20 16:45 to 21:45, 4h 00m left",
        "  so far     660 tokens, $0.0014, 2 calls",
        "  pace       22 tokens/min, $0.0028/h",
        "  projected  5,940 tokens, $0.0126",
        "  limit      9,999 tokens, of which 59.4% at this pace",
    ]


def test_without_calls_it_says_so(own: History, ccledger: Run) -> None:
    assert ccledger("blocks", "--json", history=own).json == {"blocks": []}
    assert "No call" in ccledger("blocks", history=own).out
    assert "No block is active" in ccledger("blocks", "--active", history=own).out


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize("options", [(), ("-t", "max"), ("--compact", "-t", "5"), ("--order", "desc")])
def test_the_table_fits(columns: int, options: tuple[str, ...], busy: History, ccledger: Run) -> None:
    page = ccledger("blocks", *options, history=busy, COLUMNS=str(columns)).out
    assert max(map(len, page.splitlines())) <= columns
    assert ("4h 00m left" in page) if columns > 40 else ("4h 00m" in page)
    assert "3 blocks" in page


def test_what_has_no_price_is_told(own: History, ccledger: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "clock", lambda: int(NOW.timestamp() * 1000))
    write_calls(own, NOW - timedelta(hours=2), NOW - timedelta(hours=1), model="claude-nope-9")
    [block] = ccledger("blocks", "--json", history=own).json["blocks"]
    assert (block["costUSD"], block["cost_nano"], block["complete"]) == (None, None, False)
    assert (block["burnRate"]["costPerHour"], block["projection"]["totalCost"]) == (None, None)
    assert "unpriced" in ccledger("blocks", history=own).out


@pytest.mark.parametrize(
    "options",
    [
        ("-t", "0"),
        ("-t", "many"),
        ("-n", "0"),
        ("-n", "25"),
        ("-n", "2.5"),
        ("--since", "x"),
        ("--timezone", "Mars"),
        ("--since", "2026-11-02", "--until", "2026-11-01"),
    ],
)
def test_nonsense_is_refused(options: tuple[str, ...], ccledger: Run) -> None:
    ran = ccledger("blocks", *options)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("ccledger: ")


def ccusage_blocks(history: History, *options: str) -> list[dict[str, Any]]:
    roots = ",".join(map(str, history.roots))
    done = subprocess.run(
        (str(find_ccusage()), "claude", "blocks", "--json", "--offline", "--timezone", "UTC", *options),
        env=os.environ | {"CLAUDE_CONFIG_DIR": roots},
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout)["blocks"]


def assert_alike(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> None:
    """Compare what every block has. ccusage takes the time of a message's last line, we that of its first."""
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        same = ["isActive", "isGap", "entries", "tokenCounts", "totalTokens"]
        same += [] if mine["isGap"] else ["id", "startTime", "endTime"]
        assert {name: mine[name] for name in same} == {name: other[name] for name in same}
        assert sorted(mine["models"]) == sorted(other["models"])
        assert mine["costUSD"] == pytest.approx(other["costUSD"])
        for name in ("startTime", "endTime", "actualEndTime"):
            if mine[name] or other[name]:
                apart = datetime.fromisoformat(mine[name]) - datetime.fromisoformat(other[name])
                assert abs(apart) < timedelta(minutes=1), (mine, other)


@pytest.mark.skipif(not list(PEERS.glob("ccusage-*")), reason="run npm ci in bench/peers")
class TestBesideCcusage:
    @pytest.mark.parametrize("options", [(), ("--order", "desc"), ("-n", "2"), ("--since", "20260910")])
    def test_a_made_history_has_the_same_blocks(self, options: tuple[str, ...], history: Make, ccledger: Run) -> None:
        made = history(11, sessions=40, traps=())
        theirs = ccusage_blocks(made, *options)
        ours = ccledger("blocks", "--json", "--timezone", "UTC", *options, history=made).json["blocks"]
        assert len(theirs) > 20
        assert_alike(ours, theirs)

    def test_the_running_block_has_the_same_pace(self, own: History, ccledger: Run) -> None:
        now = datetime.now(UTC)
        write_calls(own, *(now - timedelta(minutes=minutes) for minutes in (50, 40, 31)))
        theirs = ccusage_blocks(own, "--active")
        ours = ccledger("blocks", "--json", "--active", history=own).json["blocks"]
        if [block["id"] for block in ours] != [block["id"] for block in theirs]:
            pytest.skip("the hour ended in between")
        [mine], [other] = ours, theirs
        assert mine["entries"] == other["entries"]
        assert mine["burnRate"] == pytest.approx(other["burnRate"], rel=1e-6)
        minute = other["burnRate"]["tokensPerMinute"]
        assert abs(mine["projection"]["remainingMinutes"] - other["projection"]["remainingMinutes"]) <= 1
        assert mine["projection"]["totalTokens"] == pytest.approx(other["projection"]["totalTokens"], abs=2 * minute)
