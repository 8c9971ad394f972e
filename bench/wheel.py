"""Promise: the wheel installs without Node.js and compilers and serves its whole dashboard; no checkout is involved."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.measure import judge, machine
from tests.journeys.server import Server, serving

ROOT = Path(__file__).parents[1]
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
PACKED = (".br", ".gz")


def build(into: Path) -> Path:
    """Build the wheel as a release would, with what is installed here."""
    command = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(into), str(ROOT))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(into.glob("*.whl"))


def install(wheel: Path, into: Path) -> Path:
    """Install the wheel into an empty environment that finds neither Node.js nor a compiler; return its commands."""
    subprocess.run((sys.executable, "-m", "venv", str(into)), check=True)
    commands = into / "bin"
    bare = os.environ | {"PATH": str(commands), "CC": "/bin/false", "CXX": "/bin/false"}
    pip = (str(commands / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir")
    subprocess.run((*pip, "--only-binary", ":all:", str(wheel)), env=bare, check=True)
    return commands


def size_of(folder: Path) -> int:
    """Add up the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def assets_of(installed: Path) -> list[str]:
    """List the files the installed dashboard consists of, compressed forms aside."""
    web = next(installed.glob("lib/python*/site-packages/ccledger/_web"))
    files = (path.relative_to(web).as_posix() for path in web.rglob("*") if path.is_file())
    return sorted(name for name in files if not name.startswith(".") and not name.endswith(PACKED))


def problems_of(server: Server, names: Sequence[str]) -> Iterator[str]:
    """Ask for the page, everything it names, every file there is and the API; tell what is not as it should be."""
    page, body = server.ask("/")
    policy = page.getheader("content-security-policy") or ""
    if page.status != 200 or "default-src" not in policy or "unsafe-inline" in script_part(policy):
        yield f"/: {page.status}, content-security-policy {policy!r}"
    named = re.findall(r'(?:src|href)="(?:\./|/)?([^"#:]+\.\w+)"', body.decode())
    if not [name for name in named if name.endswith(".js")]:
        yield "the page names no script"
    for name in sorted({*named, *names}):
        answer, content = server.ask(f"/{name}")
        kind = (answer.getheader("content-type") or "").partition(";")[0]
        if answer.status != 200 or kind != TYPES[Path(name).suffix] or not content:
            yield f"/{name}: {answer.status} {kind}"
    for path in ("health", "version", "stats/current"):
        answer, content = server.ask(f"/api/v1/{path}")
        if answer.status != 200 or not content.startswith(b"{"):
            yield f"/api/v1/{path}: {answer.status}"


def script_part(policy: str) -> str:
    """Return what a policy says of scripts."""
    parts = {part.split()[0]: part for part in policy.split(";") if part.strip()}
    return parts.get("script-src", parts.get("default-src", "unsafe-inline"))


def serve(commands: Path, home: Path) -> tuple[list[str], float, int]:
    """Run the installed server; return what was wrong, the seconds until it answered, and its exit code."""
    environment = {
        "HOME": str(home),
        "PATH": str(commands),
        "CLAUDE_CONFIG_DIR": str(home / ".claude"),
        "CCLEDGER_DATA_DIR": str(home / "data"),
    }
    started = time.perf_counter()
    with serving(environment, program=(str(commands / "ccledger"),)) as server:
        server.ask("/")
        ready = time.perf_counter() - started
        return [*problems_of(server, assets_of(commands.parent))], ready, server.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, install, serve, print, and return 1 when something is wrong."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="wheel-") as top:
        folder = Path(top)
        began = time.perf_counter()
        wheel = build(folder)
        built = time.perf_counter()
        commands = install(wheel, folder / "environment")
        installed = time.perf_counter()
        problems, ready, code = serve(commands, folder / "home")
        sys.stdout.write(f"{machine()}\n{wheel.name}: {wheel.stat().st_size / 1e3:,.0f} kB, ")
        sys.stdout.write(f"installed with everything it needs {size_of(folder / 'environment') / 1e6:,.0f} MB\n")
        sys.stdout.write(f"build {built - began:.1f} s, install {installed - built:.1f} s, first page {ready:.2f} s\n")
    for problem in problems:
        sys.stdout.write(f"  {problem}\n")
    figure = f"{len(problems)} problems, exit code {code} after SIGTERM"
    return 0 if judge("wheel", figure, "none, 0", kept=not problems and code == 0) else 1


if __name__ == "__main__":
    sys.exit(main())
