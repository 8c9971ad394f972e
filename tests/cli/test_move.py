"""`ccledger move`, from the command line: what it says, what it refuses, and that it can be killed at any moment."""

# As in ledger/engines/sqlite.py: apsw's type stubs leave the types of values open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import apsw
import pytest
from asyncpg import PostgresError  # pyright: ignore[reportMissingTypeStubs]

from ccledger.ledger.addresses import shown
from ccledger.ledger.lock import hold
from ccledger.ledger.store import open_store
from tests.cli.program import History, Run, clean_environment, command, run_apart
from tests.conformance.stores import price
from tests.conformance.test_store import MORNING, make_fact
from tests.journeys.server import serving
from tests.postgres import execute, fetch, fresh_database


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'elsewhere.db'}"
        return
    with fresh_database(migrated=False) as url:
        yield url


def test_a_table_tells_what_came_over_and_what_to_set_next(ccledger: Run, plain: History, target: str) -> None:
    ccledger("import", history=plain)
    before = ccledger("daily", "--json", history=plain).json
    ran = ccledger("move", "--to", target, history=plain)
    assert ran.code == 0, ran.err
    assert "every row is equal" in ran.out
    assert f"CCLEDGER_DATABASE_URL={shown(target)}" in ran.out.splitlines()[-1]
    after = ccledger("daily", "--json", history=plain, CCLEDGER_DATABASE_URL=target).json
    assert after == before


def test_json_has_the_sums_and_checksums_of_every_table(ccledger: Run, plain: History, target: str) -> None:
    ccledger("import", history=plain)
    told = ccledger("move", "--to", target, "--json", history=plain).json
    assert (told["equal"], told["to"], told["next"]) == (True, shown(target), {"CCLEDGER_DATABASE_URL": shown(target)})
    tables = {each["table"]: each for each in told["tables"]}
    report = ccledger("daily", "--json", history=plain).json["totals"]
    assert int(tables["usage_day"]["sums"]["output_tokens"]) == report["outputTokens"]
    assert told["rows"] == told["rows_copied"] == sum(each["rows"] for each in tables.values())
    assert all(len(each["checksum"]) == 32 for each in tables.values())


def test_without_a_place_it_says_what_one_looks_like(ccledger: Run, plain: History) -> None:
    ran = ccledger("move", history=plain)
    assert (ran.code, "--to postgresql://" in ran.err) == (2, True)


def test_a_ledger_is_not_moved_onto_itself(ccledger: Run, plain: History) -> None:
    ccledger("import", history=plain)
    ran = ccledger("move", "--to", f"sqlite:///{plain.data}/../{plain.data.name}/ledger.db", history=plain)
    assert (ran.code, "is there already" in ran.err) == (2, True)


def test_while_somebody_writes_it_waits_for_nothing(ccledger: Run, plain: History, target: str) -> None:
    ccledger("import", history=plain)
    with hold(plain.data):
        ran = ccledger("move", "--to", target, history=plain)
    assert (ran.code, "another ccledger is writing" in ran.err) == (1, True)


def test_the_directory_of_another_ledger_is_held_as_well(ccledger: Run, plain: History, tmp_path: Path) -> None:
    ccledger("import", history=plain)
    elsewhere = tmp_path / "other"
    with hold(elsewhere):
        ran = ccledger("move", "--to", f"sqlite:///{elsewhere / 'ledger.db'}", history=plain)
    assert (ran.code, "another ccledger is writing" in ran.err) == (1, True)


def test_calls_in_a_shared_spool_are_booked_before_the_way_back(ccledger: Run, plain: History, tmp_path: Path) -> None:
    spools = tmp_path / "spools"
    waiting = spools / "0123456789abcdef" / "000000000001.spool"
    waiting.parent.mkdir(parents=True)
    waiting.touch()
    ccledger("import", history=plain)
    back = tmp_path / "back.db"
    with fresh_database(migrated=False) as url:
        there = ccledger("move", "--to", url, history=plain, CCLEDGER_SPOOL_DIR=str(spools))
        ways = "move", "--from", url, "--to", f"sqlite:///{back}"
        ran = ccledger(*ways, history=plain, CCLEDGER_SPOOL_DIR=str(spools))
        assert (there.code, ran.code, f"calls wait in {spools}" in ran.err) == (0, 1, True)
        assert not back.exists()
        waiting.unlink()
        assert ccledger(*ways, history=plain, CCLEDGER_SPOOL_DIR=str(spools)).code == 0


SECRET = "s3cr:t@\\/%"


def test_a_password_is_told_nobody(ccledger: Run, plain: History) -> None:
    ccledger("import", history=plain)
    with fresh_database(migrated=False) as url:
        parts = urlsplit(url)
        user = f"ann_{parts.path.strip('/')}"
        execute(url, f"CREATE ROLE {user} LOGIN PASSWORD '{SECRET}'; GRANT ALL ON SCHEMA public TO {user}")
        try:
            for password in (SECRET, "wr0ng"):
                signed = urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{parts.hostname or ''}"))
                ran = ccledger("move", "--to", signed, history=plain)
                in_query = ccledger("move", "--to", f"{url}&user={user}&password={quote(password)}", history=plain)
                for said in (ran.out + ran.err, in_query.out + in_query.err):
                    assert said
                    assert password not in said
                    assert quote(password, safe="") not in said
        finally:
            execute(url, f"DROP OWNED BY {user} CASCADE; DROP ROLE {user}")


def test_nobody_learns_a_password() -> None:
    url = "postgresql://ann:s3cr%40t@db.example.com:5432/ccledger?password=s3cret&sslmode=require"
    assert shown(url) == "postgresql://…@db.example.com:5432/ccledger?sslmode=require"
    assert shown("postgresql://a:p@ss@db/x") == "postgresql://…@db/x"
    assert shown("postgresql://db/x#s3cret") == "postgresql://db/x"
    assert shown("sqlite:////home/a@b/ledger.db") == "sqlite:////home/a@b/ledger.db"


def environment(history: History) -> dict[str, str]:
    return {**clean_environment(history.data.parent), **history.environment}


def test_a_running_server_is_to_be_stopped_first(plain: History, target: str) -> None:
    with serving(environment(plain)):
        ran = run_apart(environment(plain), "move", "--to", target)
    assert ran.code == 1
    assert f"a server runs on {plain.data}; stop it first" in ran.err


@pytest.fixture
def many(tmp_path: Path) -> History:
    """A ledger of so many calls that moving them takes a while."""
    history = History(tmp_path / "claude", tmp_path / "data")
    (history.root / "projects").mkdir(parents=True)
    with (
        hold(history.data),
        closing(open_store(f"sqlite:///{history.data / 'ledger.db'}", lambda: price, "UTC")) as store,
    ):
        for first in range(0, 40_000, 4000):
            keys = range(first, first + 4000)
            facts = [make_fact(f"msg:{key}", at=MORNING + 60_000 * key, session=f"s{key % 99}") for key in keys]
            store.append(facts, {"f": str(first).encode()}, now=first)
    return history


def rows_at(target: str) -> int:
    """How many rows a move that is under way has brought to its target, which is only read."""
    if target.startswith("postgresql"):
        try:
            return int(fetch(target, "SELECT coalesce(sum(rows), 0) FROM moving")[0][0])
        except PostgresError:
            return 0
    path = Path(target.removeprefix("sqlite://"))
    if not path.exists():
        return 0
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        found = connection.execute("SELECT coalesce(sum(rows), 0) FROM moving").get
        connection.close()
    except apsw.Error:
        return 0
    return int(found)


def test_killed_at_any_moment_it_goes_on_where_it_was(many: History, target: str) -> None:
    reached, kills, copied = 0, 0, 0
    while True:
        process = subprocess.Popen(
            command("move", "--to", target, "--json"), env=environment(many), stdout=subprocess.PIPE, text=True
        )
        while process.poll() is None and rows_at(target) <= reached:
            pass
        before, reached = reached, rows_at(target)
        if process.poll() is None and kills < 6:
            process.kill()
            process.communicate()
            kills += 1
            continue
        out, _ = process.communicate()
        assert process.returncode == 0
        copied = json.loads(out)["rows_copied"]
        break
    assert kills == 6
    assert before > 0
    assert copied <= json.loads(out)["rows"] - before
    moved = run_apart(environment(many) | {"CCLEDGER_DATABASE_URL": target}, "daily", "--json").json
    assert moved == run_apart(environment(many), "daily", "--json").json


def test_ctrl_c_ends_it_and_says_how_to_go_on(many: History, target: str) -> None:
    process = subprocess.Popen(
        command("move", "--to", target),
        env=environment(many),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not rows_at(target):
        pass
    process.send_signal(signal.SIGINT)
    out, said = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert said.startswith("ccledger: stopped; what is copied stays there")
    assert said.count("\n") == 1
    refused = run_apart(environment(many) | {"CCLEDGER_DATABASE_URL": target}, "import")
    assert "run the same 'ccledger move' again" in refused.err
    assert run_apart(environment(many), "move", "--to", target).code == 0
