"""Hashes a password and compares one with its hash, off the event loop and few at once; it keeps no password."""

import asyncio
import hmac
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE: Final = 2
"""Each takes 64 MiB and a core for a while."""
_LONGEST: Final = 1024
"""Characters; nobody types more."""


def hash_password(password: str) -> str:
    """The hash of a password as it is set, Argon2id with the parameters of RFC 9106 for little memory."""
    return PasswordHasher().hash(password)


def matches(password: str, hashed: str) -> bool:
    """Whether a password has this hash: Argon2 in its usual form, or SHA-256 in hexadecimal digits."""
    if is_bare(hashed):
        found = sha256(password.encode("utf-8", "surrogatepass")).hexdigest()
        return hmac.compare_digest(found.encode(), hashed.lower().encode())
    try:
        return PasswordHasher().verify(hashed, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False


def is_bare(hashed: str) -> bool:
    """Whether a hash is the specification's SHA-256, which is quick to guess."""
    return not hashed.startswith("$")


class PasswordCheck:
    """Compares passwords with one hash. What arrives while two are compared waits its turn."""

    def __init__(self, hashed: str) -> None:
        self._hashed = hashed
        self._workers = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="password")

    async def __call__(self, password: str) -> bool:
        """Whether it is the password; never where none is set."""
        if not self._hashed or len(password) > _LONGEST:
            return False
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._workers, matches, password, self._hashed)
