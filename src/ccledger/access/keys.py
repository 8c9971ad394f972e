"""Makes keys and finds the access token that a key belongs to, in memory; it never decides whether a call may run."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec import Struct, ValidationError, convert
from msgspec.structs import replace

from ccledger.core.access import AccessToken
from ccledger.core.errors import UsageError
from ccledger.ledger.store import KeptToken

PREFIX: Final = "ccl-"
_KEY_BYTES: Final = 32
_HINT_LENGTH: Final = len(PREFIX) + 4
_LONGEST_KEY: Final = 4096
_LEAST_SECRET_BYTES: Final = 32
"""What RFC 7518 asks of a secret for HS256, section 3.2."""
_ALGORITHM: Final = "HS256"


class Signing(Struct, frozen=True):
    """What keys in the form of a JSON Web Token are signed with: HS256, with the claims jti, sub, name, mode, iss, iat
    and, where they expire, exp. Nobody may write its `repr`.
    """

    secret: str
    issuer: str = "ccproxy"

    def __post_init__(self) -> None:
        if len(self.secret.encode()) < _LEAST_SECRET_BYTES:
            raise UsageError(f"jwt_secret takes at least {_LEAST_SECRET_BYTES} bytes; choose a longer one")

    def __repr__(self) -> str:
        return "Signing(…)"


def new_key(random_bytes: Callable[[int], bytes]) -> str:
    """A new opaque key: the prefix and 43 characters of base64url, 256 bits that nobody can guess."""
    return PREFIX + urlsafe_b64encode(random_bytes(_KEY_BYTES)).rstrip(b"=").decode()


def signed_key(token: AccessToken, signing: Signing) -> str:
    """An access token as a signed key."""
    import jwt

    claims: dict[str, Any] = {
        "jti": token.id,
        "sub": token.name,
        "name": token.name,
        "mode": token.mode,
        "iss": signing.issuer,
        "iat": token.created_at // 1000,
    }
    if token.expires_at is not None:
        claims["exp"] = -(-token.expires_at // 1000)
    return jwt.encode(claims, signing.secret, _ALGORITHM)


def hint_of(key: str) -> str:
    """The beginning of an opaque key, enough to recognise it by. Signed keys all begin alike: of them, nothing."""
    return f"{key[:_HINT_LENGTH]}…" if key.startswith(PREFIX) else ""


def digest_of(key: str) -> bytes:
    """What is kept of a key. A fast hash does: nobody can try 2^256 keys."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class KeyRing:
    """Every access token, found by its key. Fulfils `core.ports.Keys`; other threads may change it meanwhile."""

    def __init__(self, kept: Iterable[KeptToken], signing: Signing | None = None) -> None:
        """Without `signing`, signed keys are nobody's."""
        self._signing = signing
        self._by_digest: dict[bytes, AccessToken] = {}
        self._by_id: dict[str, AccessToken] = {}
        for one in kept:
            self.put(one)

    def put(self, kept: KeptToken) -> None:
        """From now on the access token is this one; a deleted one is nobody's."""
        if kept.deleted_at is None:
            self._by_digest[kept.digest] = self._by_id[kept.token.id] = kept.token
        else:
            self._by_digest.pop(kept.digest, None)
            self._by_id.pop(kept.token.id, None)

    def find(self, secret: str) -> AccessToken | None:
        """See `Keys.find`."""
        if len(secret) > _LONGEST_KEY:
            return None
        if secret.count(".") == 2:
            return self._find_signed(secret)
        return self._by_digest.get(digest_of(secret))

    def _find_signed(self, secret: str) -> AccessToken | None:
        """The access token that a signed key names; the key may expire before the access token does."""
        claims = None if self._signing is None else _claims(secret, self._signing)
        token = None if claims is None else self._by_id.get(claims.jti)
        if token is None or claims is None or claims.exp is None:
            return token
        ends_at = claims.exp * 1000
        ends_later = token.expires_at is None or token.expires_at > ends_at
        return replace(token, expires_at=ends_at) if ends_later else token


class _Claims(Struct):
    """What counts of what a signed key says: everything else the access token knows better."""

    jti: str
    exp: int | None = None
    """Seconds since 1970."""


def _claims(secret: str, signing: Signing) -> _Claims | None:
    """What a key says that we signed, whether or not it has expired; None for any other."""
    import jwt

    try:
        claims = jwt.decode(
            secret,
            signing.secret,
            [_ALGORITHM],
            {"require": ["jti", "iss", "iat"], "verify_exp": False, "verify_iat": False},
            issuer=signing.issuer,
        )
        return convert(claims, _Claims)
    except (jwt.InvalidTokenError, ValueError, ValidationError):
        return None
