"""The compiled parts are built where that is possible, and are never left stale where it is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.lanes import NOT_COMPILED, is_compiled

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("ledger/_booking.abi3.so", "wire/_lines.abi3.so")
with_compiler = pytest.mark.skipif(not is_compiled(), reason=NOT_COMPILED)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what packing needs; nothing in it is built."""
    skipped = shutil.ignore_patterns("*.so", "__pycache__", "_web")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=skipped)
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/compile.py", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def compile_in(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, str(checkout / "scripts" / "compile.py"))
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def built(checkout: Path) -> tuple[str, ...]:
    package = checkout / "src" / "ccledger"
    return tuple(sorted(path.relative_to(package).as_posix() for path in package.glob("*/*.so")))


@with_compiler
def test_what_is_there_is_not_built_again(checkout: Path) -> None:
    assert compile_in(checkout).returncode == 0
    assert built(checkout) == PARTS
    assert compile_in(checkout, CC="/nowhere/cc").stderr == ""
    assert built(checkout) == PARTS


@with_compiler
def test_a_stale_part_is_taken_away(checkout: Path) -> None:
    compile_in(checkout)
    header = checkout / "src" / "ccledger" / "wire" / "_json.h"
    os.utime(header, (2e9, 2e9))
    ran = compile_in(checkout, CC="/nowhere/cc", CI="true")
    assert (ran.returncode, built(checkout)) == (0, ())
    assert "no C compiler" in ran.stderr


@with_compiler
def test_a_part_that_does_not_compile_fails_in_ci_only(checkout: Path) -> None:
    (checkout / "src" / "ccledger" / "wire" / "_json.h").write_text("#error broken")
    assert compile_in(checkout, CI="").returncode == 0
    ran = compile_in(checkout, CI="true")
    assert (ran.returncode, built(checkout)) == (1, ())
    assert "broken" in ran.stderr


def test_a_part_can_be_left_out(checkout: Path) -> None:
    compile_in(checkout)
    assert compile_in(checkout, SKIP_COMPILE="1").returncode == 0
    assert built(checkout) == ()


@pytest.mark.parametrize("skip", ["", "1"])
@with_compiler
def test_a_wheel_says_whether_it_fits_everywhere(checkout: Path, skip: str) -> None:
    command = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(checkout / "dist"))
    environment = os.environ | {"SKIP_WEB": "1", "SKIP_COMPILE": skip}
    subprocess.run((*command, str(checkout)), env=environment, capture_output=True, check=True)
    (wheel,) = (checkout / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert [f"ccledger/{part}" in names for part in PARTS] == [not skip] * 2
    assert not [name for name in names if name.endswith((".c", ".h"))]
    assert ("py3-none-any" in wheel.name) == bool(skip)
    assert ("cp311-abi3-" in wheel.name) == (not skip)
