"""Keeps a copy of a PostgreSQL ledger before its schema changes, with PostgreSQL's own program; it changes nothing."""

import asyncio
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from ccledger.core.errors import StoreError
from ccledger.ledger.backups import keep, refuse_without_room, unfinished
from ccledger.ledger.postgresql.link import Address, Connection
from ccledger.ledger.postgresql.opening import size_of

if TYPE_CHECKING:
    from ccledger.ledger.backups import Backups
    from ccledger.ledger.schema import Step

_LOG = logging.getLogger(__name__)
_FILE: Final = "ccledger.postgresql"
_PROGRAM: Final = "pg_dump"


async def dump(address: Address, backups: "Backups", connection: Connection, missing: "Sequence[Step]") -> None:
    """Keeps a copy in the data directory. Raises `StoreError` where that can't be done."""
    _refuse_key_password(address)
    copy = backups.path(backups.folder / _FILE, missing[0].number)
    program = await _program(connection, address.shown)
    refuse_without_room(copy, await size_of(connection))
    schema: str = await connection.fetchval("SELECT quote_ident(current_schema())")
    _LOG.warning("the ledger changes to schema %d; a copy from before is kept as %s", missing[-1].number, copy)
    part = unfinished(copy)
    try:
        await _run(program, address, part, schema)
        keep(part, copy)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _refuse_key_password(address: Address) -> None:
    """No file can hold this one for `pg_dump`, and its command line is no place for it."""
    if any(name == "sslpassword" for name, _ in parse_qsl(urlsplit(address.dsn).query)):
        raise StoreError(
            f"the schema of {address.shown} has to change, and {_PROGRAM} can't be given the sslpassword of its URL "
            "unseen; make a copy yourself and run 'ccledger migrate --no-backup', or use a key without a password"
        )


async def _program(connection: Connection, shown: str) -> str:
    """The `pg_dump` that can copy this server's databases."""
    wanted = int(await connection.fetchval("SHOW server_version_num")) // 10_000
    program = shutil.which(_PROGRAM)
    if program is not None and await _version(program) >= wanted:
        return program
    raise StoreError(
        f"the schema of {shown} has to change, and a copy is made before with {_PROGRAM} {wanted} or newer, which is "
        f"not here; install it, or make a copy yourself and run 'ccledger migrate --no-backup'"
    )


async def _version(program: str) -> int:
    asked = await asyncio.create_subprocess_exec(program, "--version", stdout=asyncio.subprocess.PIPE)
    said, _ = await asked.communicate()
    found = re.search(rb"\) (\d+)", said)
    return int(found[1]) if found else 0


async def _run(program: str, address: Address, part: Path, schema: str) -> None:
    with _without_password(address) as (place, overruled):
        environment = {name: value for name, value in os.environ.items() if name not in overruled}  # noqa: TID251 - handed on
        dumping = await asyncio.create_subprocess_exec(
            program,
            "--format=custom",
            "--no-password",
            f"--schema={schema}",
            f"--file={part}",
            f"--dbname={place}",
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await dumping.communicate()
        except BaseException:
            dumping.kill()
            raise
    if dumping.returncode:
        reason = said.decode("utf-8", "replace").strip().splitlines()
        raise StoreError(
            f"no copy of {address.shown} could be made before its schema changes "
            f"({reason[-1] if reason else _PROGRAM}); nothing was changed. 'ccledger migrate --no-backup' makes none"
        )


@contextmanager
def _without_password(address: Address) -> Generator[tuple[str, Sequence[str]]]:
    """The database's URL for a command line, which everybody on the machine can read: its password is in a file. With
    it, the variables that would count for more than that file.
    """
    parts = urlsplit(address.dsn)
    asked = parse_qsl(parts.query, keep_blank_values=True)
    password = unquote(parts.password or "") or dict(asked).get("password", "")
    rest = [(name, value) for name, value in asked if name != "password"]
    user, _, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}@{host}" if user else host
    if not password:
        yield parts._replace(netloc=netloc, query=urlencode(rest)).geturl(), ()
        return
    file, name = tempfile.mkstemp(prefix="ccledger-pgpass-")
    try:
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        os.write(file, f"*:*:*:*:{escaped}\n".encode())
        os.close(file)
        yield parts._replace(netloc=netloc, query=urlencode([*rest, ("passfile", name)])).geturl(), ("PGPASSWORD",)
    finally:
        Path(name).unlink(missing_ok=True)
