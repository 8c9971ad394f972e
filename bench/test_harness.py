"""Checks the harness with stand-ins for ccledger, honest and broken; it measures nothing worth keeping."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import import_cold, import_unchanged, kill
from bench.corpus import Plan, describe, ensure_corpus, file_sizes, write_corpus
from bench.measure import PEERS, Command, Cost, interleave, measure, promise, ratio

needs_ccusage = pytest.mark.skipif(not list(PEERS.glob("@ccusage/ccusage-*")), reason="run npm ci in bench/peers")
SMALL = Plan(megabytes=4, files=40, seed=3)

STAND_IN = """#!{python}
import json, os, pathlib
best, book = {{}}, pathlib.Path(os.environ["CCLEDGER_DATA_DIR"], "book.json")
mark = book.with_name("mark")
used_before = mark.exists()
mark.touch()
names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
for path in sorted(pathlib.Path(os.environ["CLAUDE_CONFIG_DIR"], "projects").rglob("*.jsonl")):
    for line in path.read_bytes().splitlines():
        record = json.loads(line)
        if record["type"] == "assistant":
            counts = [record["message"]["usage"][name] for name in names]
            key = record["message"]["id"]
            best[key] = max(best.get(key, counts), counts, key=sum)
sums = [sum(column) for column in zip(*best.values())]
keys = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")
report = {{"totals": dict(zip(keys, sums))}}
{fault}
book.write_text(json.dumps(report))
print(json.dumps(report))
"""
FORGETS = 'report["totals"]["output_tokens"] -= used_before'
"""A fault that shows only on a data directory used before."""


def stand_in(folder: Path, fault: str = "") -> Path:
    """Write a program that can be called like ccledger."""
    path = folder / "ccledger"
    path.write_text(STAND_IN.format(python=sys.executable, fault=fault))
    path.chmod(0o755)
    return path


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make a small corpus and the arguments that name it."""
    monkeypatch.setenv("CCLEDGER_BENCH_DIR", str(tmp_path / "bench"))
    corpus = ensure_corpus(SMALL)
    return ["--corpus", str(corpus), "--runs", "2"]


def test_a_corpus_is_written_once_and_always_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCLEDGER_BENCH_DIR", str(tmp_path))
    first = ensure_corpus(SMALL)
    written = {path.relative_to(first): path.read_bytes() for path in first.rglob("*.jsonl")}
    write_corpus(SMALL, tmp_path / "again")
    assert written == {
        path.relative_to(tmp_path / "again"): path.read_bytes() for path in (tmp_path / "again").rglob("*.jsonl")
    }
    assert ensure_corpus(SMALL) == first
    assert describe(first)["files"] == SMALL.files


def test_the_file_sizes_are_those_of_real_use() -> None:
    sizes = sorted(file_sizes(Plan()))
    assert [round(sizes[len(sizes) * share // 100] / 1e5) for share in (50, 75, 90, 95, 99)] == [1, 2, 6, 15, 53]
    assert sum(sizes) == pytest.approx(1e9, rel=0.001)


def test_a_run_is_measured_and_a_failure_raises() -> None:
    busy = "x = bytearray(80_000_000); print(sum(range(3_000_000)))"
    cost = measure(Command("busy", (sys.executable, "-c", busy)))
    assert cost.output == b"4499998500000\n"
    assert cost.cpu > 0.02
    assert cost.peak_bytes > 80_000_000
    with pytest.raises(Exception, match="exit status 3"):
        measure(Command("fails", (sys.executable, "-c", "raise SystemExit(3)")))


def test_two_commands_run_in_turn() -> None:
    order: list[str] = []
    commands = [
        Command(name, (sys.executable, "-c", ""), prepare=lambda name=name: order.append(name)) for name in "ab"
    ]
    interleave(commands[0], commands[1], 3)
    assert order == ["a", "b"] * 3


def test_a_promise_is_judged_by_the_middle_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    ones, others = ([Cost(cpu, 0, 1, 1, b"") for cpu in cpus] for cpus in ((1.0, 2.0, 9.0), (4.0, 4.0, 4.0)))
    figure = ratio(ones, others, lambda one: one.cpu)
    assert str(figure) == "0.250–0.500–2.250"
    assert promise("x", figure, 0.6)
    assert not promise("x", figure, 0.4)
    assert capsys.readouterr().out == (
        "PROMISE x: ratio 0.500 (limit 0.6) ok\nPROMISE x: ratio 0.500 (limit 0.4) MISSED\n"
    )


@needs_ccusage
def test_an_honest_stand_in_keeps_loose_promises(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments += ["--ccledger", str(stand_in(tmp_path))]
    for module in (import_cold, import_unchanged):
        monkeypatch.setattr(module, "CPU_LIMIT", 1e6)
    monkeypatch.setattr(import_cold, "MEMORY_LIMIT", 1e6)
    assert import_cold.main(arguments) == 0
    assert import_unchanged.main(arguments) == 0


@needs_ccusage
def test_a_missed_limit_or_a_wrong_total_is_noticed(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(import_cold, "CPU_LIMIT", 1e-6)
    monkeypatch.setattr(import_unchanged, "CPU_LIMIT", 1e6)
    assert import_cold.main([*arguments, "--ccledger", str(stand_in(tmp_path))]) == 1
    assert "PROMISE import-cold-cpu: ratio" in capsys.readouterr().out
    assert import_unchanged.main([*arguments, "--ccledger", str(stand_in(tmp_path, FORGETS))]) == 1
    assert "PROMISE import-unchanged-totals: tokens differ (limit equal) MISSED" in capsys.readouterr().out


@needs_ccusage
def test_kills_tell_an_honest_stand_in_from_a_forgetful_one(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill, "KILLS", 5)
    assert kill.main([*arguments, "--ccledger", str(stand_in(tmp_path))]) == 0
    assert kill.main([*arguments, "--ccledger", str(stand_in(tmp_path, FORGETS))]) == 1


def test_reports_are_compared_by_what_they_say() -> None:
    assert kill.same_report(b'{"a":1,"b":2}', json.dumps({"b": 2, "a": 1}).encode())
    assert not kill.same_report(b'{"a":1}', b'{"a":2}')
