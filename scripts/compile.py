"""Compiles the fast lanes of the package beside their sources, where a C compiler and Python's headers are at hand.

Without them a line says so and the program runs all the same: every compiled part has a twin in Python. SKIP_COMPILE=1
leaves them out on purpose. The build hook and `make compile` run this; CI is strict about warnings.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "ccledger"
SOURCES = sorted(PACKAGE.glob("*/_*.c"))
SHARED = ("-bundle", "-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-shared",)
FLAGS = ("-std=c11", "-O2", "-fPIC", "-fvisibility=hidden", *SHARED)
STRICT = ("-Wall", "-Wextra", "-Werror")


def main() -> int:
    """Bring every compiled part level with its source; those that can't be are taken away, never left stale."""
    stale = [source for source in SOURCES if not is_current(source)]
    if os.environ.get("SKIP_COMPILE") == "1":
        remove(SOURCES)
        return 0
    if not stale:
        return 0
    missing = what_is_missing()
    problem = missing or compile_all(stale)
    if not problem:
        return 0
    remove(SOURCES)
    print(f"note: the compiled parts are left out, imports take longer: {problem}", file=sys.stderr)
    return 1 if os.environ.get("CI") and not missing else 0


def target_of(source: Path) -> Path:
    """Return where a compiled part lies: one file serves every CPython from 3.11 on."""
    return source.with_suffix(".abi3.so")


def is_current(source: Path) -> bool:
    """Tell whether a part was compiled after its source, headers and this program were last written."""
    target = target_of(source)
    inputs = (source, *source.parent.glob("_*.h"), Path(__file__))
    return target.exists() and target.stat().st_mtime > max(path.stat().st_mtime for path in inputs)


def what_is_missing() -> str:
    """Return what keeps a compiler from its work, nothing when all is there."""
    if sys.platform == "win32" or sys.implementation.name != "cpython":
        return "they are made for CPython on Linux and macOS"
    if not shutil.which(compiler()[0]):
        return f"there is no C compiler ({compiler()[0]}); install one, then: make compile"
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        return "Python's headers are missing (Debian, Ubuntu: apt-get install python3-dev); then: make compile"
    return ""


def compiler() -> list[str]:
    """Return the command of the C compiler: $CC, or the one Python was built with where it is here, or cc."""
    named = shlex.split(os.environ.get("CC", ""))
    if named:
        return named
    built_with: str = sysconfig.get_config_var("CC") or "cc"
    name = shlex.split(built_with)[0]
    return [name if shutil.which(name) else "cc"]


def compile_all(sources: list[Path]) -> str:
    """Compile parts until one fails; return what the compiler said of that."""
    for source in sources:
        problem = compile_one(source)
        if problem:
            return problem
    return ""


def compile_one(source: Path) -> str:
    """Compile a part; return what the compiler said where it failed. A half-written file is never seen."""
    target = target_of(source)
    making = target.with_suffix(f".{os.getpid()}")
    strict = STRICT if os.environ.get("CI") else ()
    include = f"-I{sysconfig.get_paths()['include']}"
    command = (*compiler(), *FLAGS, *strict, include, "-o", str(making), str(source))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        making.unlink(missing_ok=True)
        return f"{source.name} does not compile\n{done.stderr.strip()}"
    making.replace(target)
    return ""


def remove(sources: list[Path]) -> None:
    """Take compiled parts away."""
    for source in sources:
        target_of(source).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
