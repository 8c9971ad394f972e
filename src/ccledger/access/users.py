"""Finds the users who own access tokens, and keeps new ones; it never asks who somebody is."""

from ccledger.core.access import User
from ccledger.ledger.store import Store


def user_named(store: Store, name: str, *, now: int, new_id: str) -> User:
    """The user of that name, kept under a new id when there is none yet. `now` in milliseconds since 1970."""
    store.keep_user(User(new_id, name, now))
    return next(user for user in store.users() if user.name == name)
