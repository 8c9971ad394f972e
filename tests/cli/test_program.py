"""The program as a process: what only shows from outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import History, Ran, Run, cells, clean_environment, command, expected, run_apart

Make = Callable[..., History]


@pytest.fixture
def environment(tmp_path: Path, history: Make, ccledger: Run) -> dict[str, str]:
    ccledger("import", history=history(1))
    return {**clean_environment(tmp_path), **history(1).environment}


def test_it_says_the_same_as_in_this_process(environment: dict[str, str], history: Make, ccledger: Run) -> None:
    for arguments in (("daily", "--json"), ("session",), ("daily", "--nonsense"), ()):
        assert run_apart(environment, *arguments) == ccledger(*arguments, history=history(1))


def test_a_reader_that_has_seen_enough_ends_it_quietly(environment: dict[str, str]) -> None:
    for arguments in (("session", "--json"), ("--version",), ("daily", "--help")):
        with subprocess.Popen(
            command(*arguments), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pipesize=4096
        ) as process:
            assert process.stdout is not None
            process.stdout.close()
            assert process.stderr is not None
            assert (process.stderr.read(), process.wait(20)) == (b"", 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [("daily", "--json"), ("daily",), ("--version",), ("doctor",)])
def test_a_full_disk_is_told_in_a_line(arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(*arguments),
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "ccledger: No space left on device\n")


SMALL_DISK = """
import resource, sys
from ccledger.cli import run
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(run(["daily", "--json"]))
"""


@pytest.mark.parametrize("room", [0, 4096, 100_000, 300_000])
def test_a_ledger_that_finds_no_room_is_told_in_a_line_and_goes_on_later(
    room: int, plain: History, tmp_path: Path, ccledger: Run
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SMALL_DISK, str(room)],
        env={**clean_environment(tmp_path), **plain.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) in ((1, ""), (0, ccledger("daily", "--json", history=plain).out))
    assert done.stderr.count("\n") <= 1
    assert "mistake" not in done.stderr
    assert cells(ccledger("daily", "--json", history=plain).json) == expected(plain.days("UTC"))


def run_closed(environment: dict[str, str], closed: str, *arguments: str) -> Ran:
    """Run it with some of its three streams closed."""
    program = subprocess.list2cmdline(command(*arguments))
    done = subprocess.run(
        ["sh", "-c", f"exec {program} {closed}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def test_closed_streams_do_no_harm(environment: dict[str, str]) -> None:
    assert run_closed(environment, ">&-", "daily", "--json") == Ran(0, "", "")
    assert run_closed(environment, "2>&-", "daily", "--nonsense") == Ran(2, "", "")
    assert run_closed(environment, ">&- 2>&- <&-", "daily") == Ran(0, "", "")


def test_a_terminal_in_another_encoding_still_gets_its_report(environment: dict[str, str]) -> None:
    done = subprocess.run(
        command("session"),
        env={**environment, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


def test_the_console_script_is_the_same_program(environment: dict[str, str]) -> None:
    script = Path(sys.executable).with_name("ccledger")
    done = subprocess.run(
        [script, "--version"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert Ran(done.returncode, done.stdout, done.stderr) == run_apart(environment, "--version")


STOP_AT_IMPORT = """
import sys
from ccledger import __main__

class Stop:
    def find_spec(self, name, *_):
        if name == "ccledger.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Stop())
__main__.main()
"""


def test_an_interrupt_while_it_starts_is_no_traceback(environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOP_AT_IMPORT], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
