"""A password and its hash, in the form of today and in that of the specification."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import pytest
from argon2 import PasswordHasher, Type

from ccledger.access.passwords import PasswordCheck, hash_password, is_bare, matches

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.mark.parametrize("password", ["correct horse", "密码 пароль", "a" * 1024, "\ud800", ""])
def test_a_password_matches_its_own_hash_only(password: str) -> None:
    raw = password.encode("utf-8", "surrogatepass")
    for hashed in (QUICK.hash(raw), sha256(raw).hexdigest(), sha256(raw).hexdigest().upper()):
        assert matches(password, hashed)
        assert not matches(f"{password} ", hashed)


def test_what_is_made_is_argon2id_and_never_twice_the_same() -> None:
    first, second = hash_password("correct horse"), hash_password("correct horse")
    assert first != second
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert matches("correct horse", first)


def test_every_kind_of_argon2_is_taken() -> None:
    for kind in Type:
        assert matches("x", PasswordHasher(1, 8, 1, type=kind).hash("x"))


@pytest.mark.parametrize("hashed", ["$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$", "$2b$12$abc", "$"])
def test_a_hash_that_is_none_matches_nothing(hashed: str) -> None:
    assert not matches("x", hashed)


def test_the_specifications_hash_is_told_apart() -> None:
    assert is_bare("ab" * 32)
    assert not is_bare(QUICK.hash("x"))


def test_without_a_password_none_is_right() -> None:
    check = PasswordCheck("")
    assert not asyncio.run(check(""))
    assert not asyncio.run(check(sha256(b"").hexdigest()))


def test_an_endless_password_is_not_even_looked_at() -> None:
    password = "a" * 1025
    assert not asyncio.run(PasswordCheck(sha256(password.encode()).hexdigest())(password))
    assert asyncio.run(PasswordCheck(sha256(b"right").hexdigest())("right"))
