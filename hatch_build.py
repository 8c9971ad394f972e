"""Builds the dashboard and the compiled parts into the package, only when their sources have changed.

Hatchling runs this before it packs a wheel or an sdist; `make web` runs it as a program. An editable install gets the
compiled parts alone, so it never needs Node.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
WEB = ROOT / "web"
PACKAGE = ROOT / "src" / "ccledger"
BUILT = PACKAGE / "_web"
STAMP = BUILT / ".sources-sha256"
MODULES_STAMP = WEB / "node_modules" / ".lock-sha256"
OLDEST_NODE = (20, 19)
NOT_SOURCES = {"node_modules", "dist", "coverage", "test-results", "playwright-report", ".vite", ".svelte-kit"}


class NodeMissingError(Exception):
    """The dashboard must be built and there is no usable Node.js."""


class PackageHook(BuildHookInterface[Any]):
    """Hatchling's door to this file."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before packing; an editable install reads the checkout."""
        if self.target_name == "wheel":
            compiled = compile_parts()
            if compiled and version != "editable":
                build_data |= platform_wheel(compiled)
        if version != "editable" and os.environ.get("SKIP_WEB") != "1":
            build_web()


def compile_parts() -> list[Path]:
    """Bring the compiled parts level with their sources; none where they can't be built."""
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "compile.py")], stdout=sys.stderr, check=False)
    if done.returncode:
        sys.exit("the compiled parts do not build; set SKIP_COMPILE=1 to leave them out")
    return sorted(PACKAGE.glob("*/_*.abi3.so"))


def platform_wheel(compiled: list[Path]) -> dict[str, Any]:
    """Say that a wheel holds compiled parts, which fit this platform and every CPython from 3.11 on."""
    platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
    return {
        "artifacts": [f"/{path.relative_to(ROOT).as_posix()}" for path in compiled],
        "pure_python": False,
        "tag": f"cp311-abi3-{platform}",
    }


def build_web() -> None:
    """Bring `src/ccledger/_web` level with `web/`."""
    if not (WEB / "package.json").exists():
        print("web/ is not here: packing without a dashboard", file=sys.stderr)
        return
    wanted = hash_of(web_sources())
    if read(STAMP) == wanted:
        return
    install_modules()
    npm("run", "build")
    if not (BUILT / "index.html").exists():
        sys.exit(
            f"npm run build left no {BUILT.relative_to(ROOT)}/index.html: look at build.outDir in web/vite.config.ts"
        )
    STAMP.write_text(wanted)


def install_modules() -> None:
    """Bring `web/node_modules` level with its lock file."""
    wanted = hash_of([WEB / "package.json", WEB / "package-lock.json"])
    if read(MODULES_STAMP) == wanted:
        return
    npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")
    MODULES_STAMP.parent.mkdir(exist_ok=True)  # npm makes no folder for an empty list
    MODULES_STAMP.write_text(wanted)


def npm(*arguments: str) -> None:
    """Run npm in `web/`; its output goes to stderr, because build tools read stdout."""
    check_node()
    command = [shutil.which("npm") or "npm", *arguments]
    print(f"web: npm {' '.join(arguments)}", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=WEB, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if done.returncode:
        sys.exit(f"npm {' '.join(arguments)} failed in {WEB} (exit code {done.returncode})")


def check_node() -> None:
    """Raise when the dashboard cannot be built here."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        raise NodeMissingError(advice("Node.js and npm are not on PATH"))
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = tuple(int(part) for part in re.findall(r"\d+", said)[:2])
    if found < OLDEST_NODE:
        raise NodeMissingError(advice(f"Node.js {said.strip() or 'of unknown version'} is too old"))


def advice(problem: str) -> str:
    """Say what to do about a missing Node.js."""
    oldest = ".".join(map(str, OLDEST_NODE))
    return (
        f"{problem}, so the dashboard in web/ cannot be built. Install Node.js {oldest} or newer and try again, "
        "or set SKIP_WEB=1 for a package without the dashboard (the API and the command line are complete)."
    )


def web_sources() -> list[Path]:
    """Every file the build may read, and nothing it writes."""
    found: list[Path] = []
    for folder, folders, files in os.walk(WEB):
        folders[:] = [name for name in folders if name not in NOT_SOURCES]
        found += [Path(folder, name) for name in files if not name.endswith(".log") and name != ".DS_Store"]
    return found


def hash_of(files: list[Path]) -> str:
    """SHA-256 over names and contents, in an order that does not depend on the machine."""
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.relative_to(ROOT).as_posix()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def read(stamp: Path) -> str:
    """Return a stamp's text, or nothing when it is absent."""
    return stamp.read_text() if stamp.exists() else ""


def main() -> None:
    """`make web` and its relatives."""
    parser = argparse.ArgumentParser(description="Build the dashboard into src/ccledger/_web, if it changed.")
    parser.add_argument("--modules", action="store_true", help="only bring web/node_modules level with its lock file")
    parser.add_argument("--optional", action="store_true", help="a missing Node.js is worth a line, not a failure")
    options = parser.parse_args()
    try:
        if options.modules:
            install_modules()
        else:
            build_web()
    except NodeMissingError as missing:
        if not options.optional:
            sys.exit(str(missing))
        print(f"note: {missing}\nUntil then the server answers with a plain page; later: make web", file=sys.stderr)


if __name__ == "__main__":
    main()
