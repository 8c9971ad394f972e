"""Checks how measurements are run and written down, with targets that measure nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import prove
from bench.prove import TARGETS, Result, Target, Verdict, choose, merge, section, summary

COLD, KILL = TARGETS[1], TARGETS[4]
SAID = "a figure\nPROMISE import-cold-cpu: ratio 0.500 (limit 0.6) ok\nPROMISE import-cold-memory: ratio 0.7 MISSED\n"


def result(said: str = SAID, code: int = 1, target: Target = COLD) -> Result:
    """Make what a target found."""
    return Result(target, said, code, 12.3, 0.5)


def test_promises_are_read_with_and_without_a_limit() -> None:
    assert result().verdicts == [
        Verdict("import-cold-cpu", "ratio 0.500", "0.6", kept=True),
        Verdict("import-cold-memory", "ratio 0.7", "", kept=False),
    ]
    assert not result().kept


@pytest.mark.parametrize(("said", "code"), [("", 0), ("", 1), ("PROMISE x: y ok\n", 1), ("PROMISE x: y ok\n", -9)])
def test_a_target_that_breaks_off_misses(said: str, code: int) -> None:
    assert not result(said, code).kept


def test_names_choose_by_how_they_begin() -> None:
    assert [each.name for each in choose(["import"])] == ["import-cold", "import-unchanged", "import-served"]
    assert choose([]) == list(TARGETS)
    with pytest.raises(SystemExit, match="no promise is called speed"):
        choose(["speed", "kill"])


def test_a_section_is_replaced_and_the_others_stay() -> None:
    cold, kill = section(result(), "2026-11-20", "m"), section(result("PROMISE k: 1 ok\n", 0, KILL), "2026-11-20", "m")
    page = merge("", {"kill": kill, "import-cold": cold})
    assert page.index("## import-cold") < page.index("## kill")
    assert page.count("| import-cold-cpu | ratio 0.500 | 0.6 | kept |") == 2
    again = merge(page, {"import-cold": section(result(SAID.replace("0.500", "0.400")), "2026-11-21", "m")})
    assert "0.500" not in again
    assert again.count("| k | 1 |  | kept |") == 2
    assert merge(again, {}) == again


def test_the_summary_has_a_line_for_each_promise() -> None:
    assert summary([result()]) == (
        "ok      import-cold-cpu     ratio 0.500  (limit 0.6)\nMISSED  import-cold-memory  ratio 0.7\n"
    )


def test_a_miss_does_not_keep_the_next_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "one.py").write_text("raise SystemExit('broken')")
    (folder / "two.py").write_text("print('PROMISE two: fine ok')")
    monkeypatch.setattr(prove, "ROOT", tmp_path)
    monkeypatch.setattr(prove, "TARGETS", (Target("one", "one", "first"), Target("two", "two", "second")))
    monkeypatch.setattr(prove, "prepare_peers", lambda: None)
    assert prove.main(["--no-evidence"]) == 1
    assert "MISSED  one  the measurement broke off\nok      two  fine" in capsys.readouterr().out
    assert prove.main(["two", "--no-evidence"]) == 0
