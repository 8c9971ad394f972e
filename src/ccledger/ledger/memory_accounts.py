"""Keeps accounts in the ledger in memory; it can't open a credential, and knows no call."""

import threading

from ccledger.ledger.memory_state import State
from ccledger.ledger.store import KeptAccount


class KeptAccounts:
    """The part of a store that keeps accounts."""

    _state: State
    _lock: threading.RLock

    def accounts(self) -> list[KeptAccount]:
        """See `Store.accounts`."""
        with self._lock:
            return list(self._state.accounts.values())

    def keep_account(self, kept: KeptAccount) -> None:
        """See `Store.keep_account`."""
        with self._lock:
            self._state.accounts[kept.account.id] = kept
