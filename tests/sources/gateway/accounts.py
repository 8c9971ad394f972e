"""Accounts in memory, a clock that tests turn, and what an upstream says of its limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from ccledger.core.access import Account, Credential

NOW = 1_795_168_800_000


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


class Told(NamedTuple):
    """What an upstream says of one of its limits."""

    window: str
    used_percentage: float
    resets_at: int | None
    status: str


def account(name: str, **more: object) -> Account:
    return replace(Account(name, name, "api-key", "https://api.example.com", NOW), **more)


class Book:
    """Fulfils `core.ports.Accounts`."""

    def __init__(self, *accounts: Account) -> None:
        self.accounts: Sequence[Account] = accounts
        self.credentials = {one.id: Credential(f"secret of {one.id}") for one in accounts}

    def all(self) -> Sequence[Account]:
        return self.accounts

    def credential(self, account: str) -> Credential | None:
        return self.credentials.get(account)

    def renew(self, account: str, credential: Credential) -> None:
        self.credentials[account] = credential
        self.change(account, expires_at=credential.expires_at, health="unknown")

    def tell_health(self, account: str, health: str) -> None:
        self.change(account, health=health)

    def change(self, account: str, **fields: object) -> None:
        self.accounts = tuple(replace(one, **fields) if one.id == account else one for one in self.accounts)
