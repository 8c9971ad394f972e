"""The made-up history is one that every tool can read, and looks like a person's."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ccledger.app import price_book
from ccledger.cli.made_up import DAYS, Maker, go_on, newest_priced
from tests.cli.program import History, Run, cells, expected

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def make(root: Path, seed: int = 1, now: datetime = NOW) -> Maker:
    root.mkdir(parents=True, exist_ok=True)
    return Maker(root, seed=seed, now=now, tz=BERLIN, model_at=newest_priced(price_book()))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> History:
    place = tmp_path_factory.mktemp("made")
    make(place / "claude").write()
    return History(place / "claude", place / "data")


def test_it_is_read_without_a_line_left_and_every_model_has_a_price(ccledger: Run, made: History) -> None:
    ccledger("import", history=made)
    found = ccledger("doctor", "--json", history=made).json
    assert (found["skipped"], found["unpriced"], found["advice"]) == ([], [], [])
    assert 4000 < found["ledger"]["calls"] < 20_000


def test_the_ledger_and_the_reference_agree_on_it(ccledger: Run, made: History) -> None:
    report = ccledger("daily", "--json", history=made).json
    transcripts = {"daily": [row for row in report["daily"] if "estimated" not in row]}
    assert cells(transcripts) == expected(made.days("UTC"))
    assert {row["as_of"] for row in report["daily"] if "estimated" in row} == {"2026-11-19"}


def test_it_shows_what_there_is_to_show(made: History) -> None:
    facts = made.facts
    days = Counter(fact.at.astimezone(BERLIN).date() for fact in facts)
    weekend = sum(count for day, count in days.items() if day.weekday() > 4)
    assert 0 < weekend < len(facts) / 8
    half = NOW.date() - timedelta(days=DAYS // 2)
    assert sum(count for day, count in days.items() if day > half) > len(facts) * 0.55
    lines = [json.loads(line) for path in made.root.rglob("*.jsonl") for line in path.read_text().splitlines()]
    answers = [line for line in lines if line["type"] == "assistant"]
    assert len({line["cwd"] for line in lines}) == 5
    assert len({line["message"]["model"] for line in answers}) >= 5
    assert any("agentId" in line for line in lines)
    assert any("forkedFrom" in line for line in lines)
    assert max(line["timestamp"] for line in lines) <= "2026-11-20T14:30:00.000Z"


def test_the_same_seed_makes_the_same_and_another_one_another(tmp_path: Path) -> None:
    def all_of(root: Path) -> dict[str, bytes]:
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make(tmp_path / name, seed).write()
    assert all_of(tmp_path / "a") == all_of(tmp_path / "b")
    assert all_of(tmp_path / "a").keys() != all_of(tmp_path / "c").keys()


def test_the_running_session_goes_on_in_its_file(tmp_path: Path) -> None:
    running = make(tmp_path / "a").write()
    before = running.path.read_text().splitlines()
    go_on(running, NOW + timedelta(seconds=5))
    after = running.path.read_text().splitlines()
    assert after[: len(before)] == before
    new = [json.loads(line) for line in after[len(before) :]]
    assert {line["timestamp"] for line in new} == {"2026-11-20T14:30:05.000Z"}
    assert {line["sessionId"] for line in new} == {running.session}


@pytest.mark.parametrize("now", ["2026-11-22T00:01:00+00:00", "2027-03-28T03:30:00+02:00", "2025-12-31T23:59:00+00:00"])
def test_it_can_be_made_at_any_time(now: str, tmp_path: Path, ccledger: Run) -> None:
    make(tmp_path / "a", now=datetime.fromisoformat(now)).write()
    place = History(tmp_path / "a", tmp_path / "data")
    ccledger("import", history=place)
    assert ccledger("doctor", "--json", history=place).json["unpriced"] == []
