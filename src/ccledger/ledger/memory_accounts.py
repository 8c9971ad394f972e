"""Keeps accounts in the ledger in memory; it can't open a credential, and knows no call."""

import threading

from msgspec.structs import replace

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

    def replace_account(self, kept: KeptAccount, sealed: bytes | None) -> bool:
        """See `Store.replace_account`."""
        with self._lock:
            before = self._living(kept.account.id)
            if before is None or before.sealed != sealed:
                return False
            self.keep_account(kept)
            return True

    def tell_health(self, account: str, health: str, at: int) -> None:
        """See `Store.tell_health`."""
        with self._lock:
            kept = self._living(account)
            if kept is not None:
                self.keep_account(kept._replace(account=replace(kept.account, health=health, checked_at=at)))

    def _living(self, account: str) -> KeptAccount | None:
        kept = self._state.accounts.get(account)
        return None if kept is None or kept.deleted_at is not None else kept
