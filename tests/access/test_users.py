"""Who owns access tokens."""

from pathlib import Path

from ccledger.access.users import user_named
from ccledger.core.access import OWNER, User
from tests.stats.facts import ledger


def test_a_user_is_found_by_name_or_becomes_known(tmp_path: Path) -> None:
    store = ledger(tmp_path)
    later = 1 << 42
    assert user_named(store, "ann", now=later, new_id="u1") == User("u1", "ann", later)
    assert user_named(store, "ann", now=later + 1, new_id="u2") == User("u1", "ann", later)
    assert user_named(store, OWNER, now=later, new_id="u3").id == OWNER
    assert [user.name for user in store.users()] == [OWNER, "ann"]
    store.close()
