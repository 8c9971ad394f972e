"""`ccledger password`: hashes the administrator's password; it keeps the hash alone, and only where it is told."""

import os
import re
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ccledger.cli.output import note, write
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import UsageError

if TYPE_CHECKING:
    from ccledger.app import Surroundings

_LEAST: Final = 8
_LONGEST: Final = 1024
_NAME: Final = "admin_password_hash"
_VARIABLE: Final = "CCLEDGER_ADMIN_PASSWORD_HASH"
_LINE: Final = re.compile(rf"^[ \t]*{_NAME}[ \t]*=.*(?:\n|\Z)", re.MULTILINE)


def _declare(parser: Parser) -> None:
    parser.flag("--stdin", to="from_stdin", text="Read the password from the first line of standard input.")
    parser.flag("--write", text="Set its hash in ccledger.toml instead of printing it.")


def _password(flags: Namespace) -> None:
    from ccledger.access.passwords import hash_password
    from ccledger.app import Surroundings

    hashed = hash_password(_checked(_line() if flags.from_stdin else _typed_twice()))
    if not flags.write:
        write(f"{_VARIABLE}='{hashed}'")
        return
    path = _file(Surroundings.here())
    _set(path, hashed)
    note(f"{_NAME} is set in {path}; a running server takes it when it is restarted")


def _line() -> str:
    return sys.stdin.readline().rstrip("\r\n") if sys.stdin is not None else ""


def _typed_twice() -> str:
    from getpass import getpass

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("'password' asks at a terminal; elsewhere give it with --stdin")
    password = getpass("New password: ")
    if getpass("The same again: ") != password:
        raise UsageError("these were two passwords; try again")
    return password


def _checked(password: str) -> str:
    if not _LEAST <= len(password) <= _LONGEST:
        raise UsageError(f"a password takes {_LEAST} to {_LONGEST:,} characters")
    return password


def _file(surroundings: "Surroundings") -> Path:
    from ccledger.settings import config_file

    environment, home = surroundings
    if _VARIABLE in environment:
        note(f"{_VARIABLE} is set, too, and comes before the file")
    return Path(environment.get("CCLEDGER_CONFIG") or config_file(environment, home)).resolve()


def _set(path: Path, hashed: str) -> None:
    """Sets the hash and leaves everything else in the file as it is; afterwards only the user can read it."""
    try:
        before = path.read_text("utf-8") if path.exists() else ""
        after = _with_hash(before, hashed, path)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(path, after.encode())
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text; mend it, or use the environment") from None
    except OSError as error:
        raise UsageError(f"{path} can't be written ({error.strerror}); use the environment, or mend that") from None


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _with_hash(text: str, hashed: str, path: Path) -> str:
    import tomllib

    line = f'{_NAME} = "{hashed}"\n'
    try:
        wanted = {**tomllib.loads(text), _NAME: hashed}
        changed = next(
            found
            for found in (_LINE.sub(lambda _: line, text, 1), line + text)
            if _NAME in found and _means(found, wanted)
        )
    except (tomllib.TOMLDecodeError, StopIteration):
        raise UsageError(f"{path} can't be changed safely; put into it yourself: {line.strip()}") from None
    return changed


def _means(text: str, wanted: Mapping[str, object]) -> bool:
    import tomllib

    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


PASSWORD = Command(_declare, _password)
