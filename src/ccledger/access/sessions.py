"""Who has signed in with a browser: a signed text for a cookie, read back only if we wrote it; it stores nothing."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple

_FORM: Final = Struct(">16sQQ")
"""Id, when it began, when it expires."""
_MAC_BYTES: Final = 32
_LENGTH: Final = 86
"""Characters of the whole: 64 bytes in base64 without its padding."""


class Session(NamedTuple):
    """A sign-in from one browser. Times in milliseconds since 1970."""

    id: bytes
    """16 random bytes."""
    began_at: int
    expires_at: int


def write_session(session: Session, key: bytes) -> str:
    """The session as a text that nobody can make or change without the key."""
    told = _FORM.pack(*session)
    return urlsafe_b64encode(told + _mac(told, key)).decode().rstrip("=")


def read_session(text: str, key: bytes) -> Session | None:
    """The session in a text; None when it is not exactly what `write_session` made with this key."""
    if len(text) != _LENGTH or not text.isascii():
        return None
    try:
        found = urlsafe_b64decode(f"{text}==")
    except (Error, ValueError):
        return None
    told, mac = found[: _FORM.size], found[_FORM.size :]
    if not hmac.compare_digest(mac.ljust(_MAC_BYTES), _mac(told, key)):
        return None
    session = Session(*_FORM.unpack(told))
    # Base64 has several forms of the same bytes; only one of them is ours.
    return session if hmac.compare_digest(write_session(session, key), text) else None


def _mac(told: bytes, key: bytes) -> bytes:
    return hmac.digest(key, told, sha256)
