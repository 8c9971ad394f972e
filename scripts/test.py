"""Runs every check and then the tests: what `make test` and `make check` do.

A check that passes is one line; one that fails shows all it said, and the rest still runs. The tests come last and
their closing line is the last line of all.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
PYTHON = str(BIN / "python")
WEB = ROOT / "web"


@dataclass(frozen=True)
class Step:
    """One check: its name, its command, where it runs, and whether it needs Node.js."""

    name: str
    command: tuple[str, ...]
    folder: Path = ROOT
    needs_node: bool = False


@dataclass(frozen=True)
class Result:
    """How a step ended. `verdict` is ok, FAILED or skipped."""

    name: str
    verdict: str
    seconds: float = 0.0
    note: str = ""

    def line(self) -> str:
        """Return the step as one line of the summary."""
        return f"  {self.verdict:<8}{self.name:<16}{self.seconds:6.1f} s  {self.note}".rstrip()


CHECKS = (
    Step("ruff check", (PYTHON, "-m", "ruff", "check", ".")),
    Step("ruff format", (PYTHON, "-m", "ruff", "format", "--check", ".")),
    Step("import contract", (str(BIN / "lint-imports"), "--no-logo")),
    Step("pyright", (PYTHON, "-m", "pyright", "--pythonpath", PYTHON), needs_node=True),
)
PEERS = ROOT / "bench" / "peers"
WEB_CHECKS = (
    Step("peers", ("sh", "-c", "[ -d node_modules ] || npm ci -s --ignore-scripts --omit=dev"), PEERS, needs_node=True),
    Step("web packages", (PYTHON, "hatch_build.py", "--modules"), needs_node=True),
    Step("web lint", ("npm", "run", "--silent", "lint"), WEB, needs_node=True),
    Step("web types", ("npm", "run", "--silent", "check"), WEB, needs_node=True),
    Step("web tests", ("npm", "run", "--silent", "test"), WEB, needs_node=True),
)


def main() -> None:
    """Run the steps, say how each ended, exit 1 when one failed."""
    parser = argparse.ArgumentParser(description="Run every check and every test.")
    parser.add_argument("--checks-only", action="store_true", help="leave pytest out")
    options, pytest_arguments = parser.parse_known_args()
    # Tools must find their relatives (pyright its Python) whoever calls this.
    os.environ.update(PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}", PYRIGHT_PYTHON_IGNORE_WARNINGS="1")
    results: list[Result] = []
    for step in chosen_checks():
        results.append(run_check(step))
        print(results[-1].line(), flush=True)
    closing = ""
    if not options.checks_only:
        result, closing = run_pytest(pytest_arguments)
        results.append(result)
        print("\nsummary", *(each.line() for each in results), sep="\n")
    failed = [each.name for each in results if each.verdict == "FAILED"]
    print("FAILED: " + ", ".join(failed) if failed else "everything passed")
    if closing:
        print(closing)
    sys.exit(1 if failed else 0)


def chosen_checks() -> Iterator[Step]:
    """Yield the checks that make sense in this checkout."""
    yield from CHECKS
    if (WEB / "package.json").exists():
        yield from WEB_CHECKS


def run_check(step: Step) -> Result:
    """Run one check quietly; show its output only when it fails."""
    if step.needs_node and not (shutil.which("node") and shutil.which("npm")):
        verdict = "FAILED" if os.environ.get("REQUIRE_NODE") == "1" else "skipped"
        return Result(step.name, verdict, note="Node.js and npm are not on PATH")
    started = time.monotonic()
    done = subprocess.run(
        step.command,
        cwd=step.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        print(f"\n{step.name}: {' '.join(step.command)}", flush=True)
        sys.stdout.buffer.write(done.stdout)
        sys.stdout.flush()
    return Result(step.name, "FAILED" if done.returncode else "ok", time.monotonic() - started)


def run_pytest(arguments: list[str]) -> tuple[Result, str]:
    """Run pytest, showing its output as it comes; return how it ended and its closing line."""
    command = [PYTHON, "-m", "pytest", "-n", "auto", *arguments]
    if sys.stdout.isatty():
        command.append("--color=yes")
    environment = {**os.environ, **find_browser()}
    print(f"\npytest: {' '.join(command[3:])}", flush=True)
    started = time.monotonic()
    closing = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as pytest:
        for line in pytest.stdout or ():
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
            closing = line.decode(errors="replace").rstrip() or closing
    return Result("pytest", "FAILED" if pytest.returncode else "ok", time.monotonic() - started), closing


def find_browser() -> dict[str, str]:
    """Find the browser for the tests, installing it where that can be done unasked."""
    found = subprocess.run(
        ["sh", str(ROOT / "scripts" / "browser.sh"), "--install"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    ).stdout.strip()
    return {"CHROMIUM": found} if found else {}


if __name__ == "__main__":
    main()
