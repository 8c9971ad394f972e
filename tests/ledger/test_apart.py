"""Two machines that have the same paths keep their positions apart."""

from ccledger.core.cached import CachedFile
from ccledger.ledger.apart import Apart, ApartDays
from ccledger.ledger.store import open_store
from ccledger.ledger.writer import Writer


def test_each_sees_its_own_positions() -> None:
    store = open_store("memory://", lambda: lambda _reading, _at: None, "UTC")
    writer = Writer(store, lambda: 0)
    one, other = Apart(writer, "one:"), Apart(writer, "other:")
    one.append([], {"/root/.claude/a.jsonl": b"1", "/root/.claude/b.jsonl": b"1"})
    other.append([], {"/root/.claude/a.jsonl": b"2"})
    one.append([], {"/root/.claude/b.jsonl": None})
    assert one.positions() == {"/root/.claude/a.jsonl": b"1"}
    assert other.positions() == {"/root/.claude/a.jsonl": b"2"}
    assert set(store.positions()) == {"one:/root/.claude/a.jsonl", "other:/root/.claude/a.jsonl"}


def test_each_sees_the_statistics_of_its_own_directories_and_those_that_were_handed_over() -> None:
    store = open_store("memory://", lambda: lambda _reading, _at: None, "UTC")
    one, other = ApartDays(store, "one:"), ApartDays(store, "other:")
    one.keep_cached_days(CachedFile("/root/.claude", b"1"), ())
    other.keep_cached_days(CachedFile("/root/.claude", b"2"), ())
    other.keep_cached_days(CachedFile("", b"3"), ())
    assert [(file.root, file.seen) for file in one.cached_files()] == [("", b"3"), ("/root/.claude", b"1")]
    assert [(file.root, file.seen) for file in other.cached_files()] == [("", b"3"), ("/root/.claude", b"2")]
