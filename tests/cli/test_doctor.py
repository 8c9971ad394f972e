from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ccledger import __version__
from tests.cli.program import History, Run, write_lines
from tests.lanes import is_compiled

Make = Callable[..., History]


def test_an_empty_machine_is_told_what_to_do(ccledger: Run, tmp_path: Path) -> None:
    ran = ccledger("doctor")
    assert (ran.code, ran.err) == (0, "")
    assert f"{tmp_path}/nothing: not there" in ran.out
    assert "CLAUDE_CONFIG_DIR=DIR or --claude-dir DIR" in ran.out
    assert "server     not running" in ran.out


def test_it_changes_nothing(ccledger: Run, plain: History) -> None:
    for arguments in (("doctor",), ("doctor", "--json")):
        ccledger(*arguments, history=plain)
        assert not plain.data.exists()
    ccledger("import", history=plain)
    before = {path: path.stat().st_mtime_ns for path in plain.data.rglob("*") if not path.name.endswith("-shm")}
    write_lines(plain.root, {})
    assert ccledger("doctor", "--json", history=plain).json["unread"]["files"] == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_healthy_ledger_is_called_well(ccledger: Run, plain: History) -> None:
    ccledger("import", history=plain)
    ran = ccledger("doctor", history=plain)
    files = list(plain.root.rglob("*.jsonl"))
    size = sum(file.stat().st_size for file in files)
    assert f"{plain.root}: {len(files)} transcripts, {size / 1e6:,.1f} MB, billing unknown" in ran.out
    assert f"holds      {len(plain.facts)} calls in 4 sessions, 2026-" in ran.out
    assert ran.out.endswith("\nEverything is well: every line was read, every call has a price.\n")


def test_it_says_what_imports(ccledger: Run, plain: History, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"imports    {'compiled' if is_compiled() else 'in Python alone'}" in ccledger("doctor", history=plain).out
    monkeypatch.setitem(sys.modules, "ccledger.wire._lines", None)
    assert "imports    in Python alone" in ccledger("doctor", history=plain).out
    assert ccledger("doctor", "--json", history=plain).json["compiled"] is False


def test_the_findings_are_all_in_the_json(ccledger: Run, history: Make, tmp_path: Path) -> None:
    made = history(1)
    ccledger("import", history=made)
    found = ccledger("doctor", "--json", history=made).json
    first = min(fact.at for fact in made.facts)
    assert (found["version"], found["data_dir"], found["data_dir_writable"]) == (__version__, str(made.data), True)
    assert found["config"] == {"path": f"{tmp_path}/.config/ccledger/ccledger.toml", "found": False}
    assert (found["database"], found["timezone"], found["server"]) == ("sqlite", "UTC", False)
    assert "sqlite" in found["engines"]
    assert [root["path"] for root in found["roots"]] == [str(root) for root in made.roots]
    assert all(root["found"] and root["state"] == "found" and root["bytes"] for root in found["roots"])
    assert found["ledger"]["calls"] == len(made.facts)
    assert found["ledger"]["first_call_at"] == f"{first:%Y-%m-%dT%H:%M:%S}.{first.microsecond // 1000:03d}Z"
    assert found["ledger"]["timezone"] == "UTC"
    assert found["unread"] == {"files": 0, "bytes": 0}


def test_unpriced_models_are_counted(ccledger: Run, own: History) -> None:
    write_lines(own.root, {}, {"message": {"model": "glm-5"}}, {"message": {"model": "glm-5"}})
    ccledger("import", history=own)
    found = ccledger("doctor", "--json", history=own).json
    assert found["unpriced"] == [{"model": "glm-5", "calls": 2, "total_tokens": 660}]
    said = ccledger("doctor", history=own).out
    assert "glm-5  2 calls, 660 tokens" in said
    assert "a newer ccledger may know them" in said
    assert "Everything is well" not in said


def test_lines_that_could_not_be_read_are_counted_by_file(ccledger: Run, own: History) -> None:
    write_lines(own.root, {}, {"timestamp": "yesterday"}, {"timestamp": None})
    ccledger("import", history=own)
    found = ccledger("doctor", "--json", history=own).json
    (skipped,) = found["skipped"]
    assert (skipped["file"], skipped["lines"]) == (str(own.root / "projects/-home-app-shop/s1.jsonl"), 2)
    assert skipped["why"] in ccledger("doctor", history=own).out
    assert "Everything is well" not in ccledger("doctor", history=own).out


def test_long_lists_are_cut_for_people_only(ccledger: Run, own: History) -> None:
    write_lines(own.root, *({"message": {"model": f"model-{number:02}"}} for number in range(25)))
    ccledger("import", history=own)
    assert "and 5 more; --json has all" in ccledger("doctor", history=own).out
    assert len(ccledger("doctor", "--json", history=own).json["unpriced"]) == 25


@pytest.mark.parametrize(
    ("state", "billing"),
    [
        ({"oauthAccount": {"billingType": "stripe_subscription"}}, "subscription"),
        ({"primaryApiKey": "sk-ant-made-up-secret"}, "api"),
        ({}, "unknown"),
    ],
)
def test_billing_is_found_out_and_no_secret_is_shown(
    state: dict[str, object], billing: str, ccledger: Run, plain: History
) -> None:
    (plain.root / ".claude.json").write_text(json.dumps(state))
    ran = ccledger("doctor", "--json", history=plain)
    assert ran.json["roots"][0]["billing"] == billing
    assert "secret" not in ran.out


def test_a_directory_without_projects_is_named_as_such(ccledger: Run, tmp_path: Path) -> None:
    (tmp_path / "claude").mkdir()
    ran = ccledger("doctor", history=History(tmp_path / "claude", tmp_path / "ledger"))
    assert f"{tmp_path}/claude: there, but without a folder 'projects'" in ran.out
    assert "No Claude Code history was found" in ran.out


def test_a_history_without_a_session_is_told_so(ccledger: Run, own: History) -> None:
    assert "Claude Code has kept no session there" in ccledger("doctor", history=own).out


def test_another_zone_than_the_ledgers_is_said(ccledger: Run, plain: History) -> None:
    ccledger("import", history=plain, TZ="Asia/Tokyo")
    said = ccledger("doctor", history=plain, TZ="Europe/Berlin").out
    assert "days of    Europe/Berlin (sums are kept by days of Asia/Tokyo)" in said


def test_names_that_no_disk_can_hold_are_only_a_finding(ccledger: Run, plain: History) -> None:
    found = ccledger("doctor", "--json", "--claude-dir", "/" + "x" * 300, history=plain).json
    assert [root["state"] for root in found["roots"]] == ["not there"]
    found = ccledger("doctor", "--json", history=plain, CCLEDGER_DATA_DIR=f"{plain.root}/{'x' * 300}").json
    assert "problem" in found["ledger"]


def test_a_data_directory_that_cannot_be_written_is_said(ccledger: Run, plain: History, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = ccledger("doctor", "--json", history=plain, CCLEDGER_DATA_DIR=f"{tmp_path}/file/inside").json
    assert found["data_dir_writable"] is False
    assert any("can't be written; set CCLEDGER_DATA_DIR" in advice for advice in found["advice"])
