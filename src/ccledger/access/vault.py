"""Seals credentials, so that the ledger's file alone gives none away; it keeps neither credentials nor their meaning.

One master key is all there is to be kept safe. Each purpose has a key of its own, derived from it (HKDF-SHA256,
RFC 5869). A sealed value is a version byte, four bytes that tell which master key it was, twelve random bytes, and
AES-256-GCM of the value, bound to its owner: moved to another owner it does not open.
"""

import base64
import binascii
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ccledger.core.errors import StoreError, UsageError

FILE_NAME: Final = "ccledger.key"
VARIABLE: Final = "CCLEDGER_MASTER_KEY"
_KEY_BYTES: Final = 32
_MARK_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_VERSION: Final = b"\x01"
_DAMAGED: Final = "the sealed credential is damaged; give the account its credential anew"
_HEAD: Final = len(_VERSION) + _MARK_BYTES


class Vault:
    """Seals and opens by a master key, which is asked for when it is needed first."""

    def __init__(self, master: Callable[[], bytes], random: Callable[[int], bytes] = os.urandom) -> None:
        """`random` answers that many random bytes."""
        self._ask = master
        self._random = random

    @cached_property
    def _master(self) -> bytes:
        return self._ask()

    def key_for(self, purpose: str) -> bytes:
        """The 32 bytes of the key for a purpose: always the same while the master key is."""
        derive = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"ccledger/" + purpose.encode())
        return derive.derive(self._master)

    @cached_property
    def _mark(self) -> bytes:
        return self.key_for("mark")[:_MARK_BYTES]

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self.key_for("sealing"))

    def seal(self, value: bytes, owner: str) -> bytes:
        """A value that only this vault opens, and only for this owner."""
        nonce = self._random(_NONCE_BYTES)
        return _VERSION + self._mark + nonce + self._cipher.encrypt(nonce, value, owner.encode())

    def has_sealed(self, sealed: bytes) -> bool:
        """Whether a value was sealed with this vault's key."""
        return sealed[1:_HEAD] == self._mark

    def open(self, sealed: bytes, owner: str) -> bytes:
        """The value. Raises `StoreError`, which says what to do, when it is not for this owner or this vault."""
        if sealed[:1] != _VERSION:
            raise StoreError(_DAMAGED)
        if not self.has_sealed(sealed):
            raise StoreError(
                "the credential was sealed with another key; bring that key back "
                f"({FILE_NAME} in the data directory, or {VARIABLE}), or give the account its credential anew"
            )
        nonce, value = sealed[_HEAD : _HEAD + _NONCE_BYTES], sealed[_HEAD + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, value, owner.encode())
        except (InvalidTag, ValueError):
            raise StoreError(_DAMAGED) from None


def open_vault(data_dir: Path, given: str, is_in_use: Callable[[], bool]) -> Vault:
    """The vault of a data directory.

    Its master key is `given` as 32 bytes in base64 or hexadecimal, else in a file that is made when there is none.
    While something is sealed (`is_in_use`), a file that is missing is not replaced by a new one.
    Raises `UsageError` when what is given is no key.
    """
    if given:
        master = _parse(given)
        return Vault(lambda: master)
    return Vault(lambda: _key_of(data_dir / FILE_NAME, is_in_use))


def _parse(text: str) -> bytes:
    for read in (bytes.fromhex, _from_base64):
        try:
            key = read(text.strip())
        except (ValueError, binascii.Error):
            continue
        if len(key) == _KEY_BYTES:
            return key
    raise UsageError(
        f"{VARIABLE} takes {_KEY_BYTES} random bytes in base64 or hexadecimal; 'openssl rand -base64 32' makes some"
    )


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)


def _key_of(path: Path, is_in_use: Callable[[], bool]) -> bytes:
    try:
        return _read(path)
    except FileNotFoundError:
        if is_in_use():
            raise StoreError(
                f"{path} is gone, and credentials of accounts are sealed with it; bring it back (or set {VARIABLE}), "
                "or delete these accounts with 'ccledger account delete' and add them anew"
            ) from None
    except OSError as error:
        raise StoreError(f"{path} can't be read ({error.strerror}); check that it is yours") from None
    return _make(path)


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            raise StoreError(f"{path} can be read by others; run 'chmod 600 {path}', and change it if others had it")
        key = os.read(descriptor, _KEY_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(key) != _KEY_BYTES:
        raise StoreError(f"{path} is no key of {_KEY_BYTES} bytes; bring back the one that was there")
    return key


def _make(path: Path) -> bytes:
    """A new key, whole on the disk before anything is sealed with it. Who comes second takes the first one's."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, os.urandom(_KEY_BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _publish(draft, path)
    except OSError as error:
        raise StoreError(f"{path} can't be written ({error.strerror}); check that the directory is yours") from None
    return _read(path)


def _publish(draft: Path, path: Path) -> None:
    """Gives a file its name unless that is taken."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
