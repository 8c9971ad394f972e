"""How an administrator shows who they are, and what they are given for it; it knows no header, cookie or address book.

Password and admin key are what a person set; one-time codes, sessions and tokens are given out here, and only their
digests, or a key that signs them, are kept.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, MutableMapping
from hashlib import sha256
from threading import Lock
from typing import Any, Final, NamedTuple

import jwt

from ccledger.access.attempts import Attempts
from ccledger.access.passwords import PasswordCheck
from ccledger.access.sessions import Session, read_session, write_session
from ccledger.core.ports import Clock

TOKEN_MINUTES: Final = 1440
"""How long a token for programs holds, as the specification has it."""
SESSION_SECONDS: Final = 7 * 86_400
"""How long a browser stays signed in that does not come back."""
_LONGEST_SESSION_MS: Final = 30 * 86_400_000
"""How long it may stay signed in at all."""
_RENEWAL_MS: Final = 86_400_000
_CODE_MS: Final = 120_000
_CODES: Final = 16
"""Codes that are good at once; a newer one displaces the oldest."""
_SECRET_BYTES: Final = 32
_ALGORITHM: Final = "HS256"
_ISSUER: Final = "ccledger"
_AUDIENCE: Final = "ccledger administration"
_LONGEST_TOKEN: Final = 2048


class Secrets(NamedTuple):
    """What an administrator can show. Empty: there is none."""

    admin_key: str = ""
    password_hash: str = ""

    def __repr__(self) -> str:
        return "Secrets(…)"


class Token(NamedTuple):
    """What a program shows instead of a password."""

    text: str
    expires_at: int
    """Milliseconds since 1970."""

    def __repr__(self) -> str:
        return "Token(…)"


class TooManyAttempts(Exception):
    """Somebody tries too often, right or wrong."""

    def __init__(self, wait_ms: int) -> None:
        super().__init__("too many attempts to sign in")
        self.wait_seconds = -(-wait_ms // 1000)


class SignIn:
    """Decides who is an administrator.

    Everything that it gives out ends when the password or the admin key is changed: both are in the keys it signs with.
    """

    def __init__(
        self,
        secrets: Secrets,
        key_for: Callable[[str], bytes],
        now: Clock,
        random_bytes: Callable[[int], bytes],
        ended: MutableMapping[str, int],
    ) -> None:
        """`key_for` gives 32 bytes for a purpose, always the same; `ended` keeps what was signed out and until when."""
        self._admin_key = _digest(secrets.admin_key) if secrets.admin_key else None
        self.password_set = bool(secrets.password_hash)
        self._is_password = PasswordCheck(secrets.password_hash)
        self._session_key = _bound(key_for("administrator session"), secrets)
        self._token_key = _bound(key_for("administrator token"), secrets)
        self._now = now
        self._random = random_bytes
        self._ended = ended
        self._ending = Lock()
        self._attempts = Attempts(now)
        self._codes: dict[bytes, int] = {}

    async def is_password(self, password: str, address: str) -> bool:
        """Whether it is the password. Raises `TooManyAttempts` for an address that tries too often.

        Where all together try too often, it does so for every address that has tried lately.
        """
        self._count(address)
        found = await self._is_password(password)
        if found:
            self._attempts.forgive(address)
        return found

    def is_admin_key(self, key: str, address: str) -> bool:
        """Whether it is the admin key. Raises `TooManyAttempts` as `is_password` does, but for wrong ones only.

        The right one is always let in, so that nobody can lock its owner out by guessing: it is too long to be guessed.
        """
        shown = _digest(key)
        if self._admin_key is not None and hmac.compare_digest(shown, self._admin_key):
            return True
        self._count(address)
        return False

    def invite(self) -> str:
        """A code that signs in once, within two minutes."""
        code = urlsafe_b64encode(self._random(_SECRET_BYTES)).decode().rstrip("=")
        self._forget_codes()
        while len(self._codes) >= _CODES:
            del self._codes[next(iter(self._codes))]
        self._codes[_digest(code)] = self._now() + _CODE_MS
        return code

    def take_code(self, code: str) -> bool:
        """Whether a code is good; from now on it is not."""
        self._forget_codes()
        return self._codes.pop(_digest(code), None) is not None

    def begin_session(self) -> str:
        """A new session, as the text of a cookie."""
        now = self._now()
        return write_session(Session(self._random(16), now, now + SESSION_SECONDS * 1000), self._session_key)

    def read_session(self, text: str) -> Session | None:
        """The session in a cookie, if it is ours and holds still."""
        session = read_session(text, self._session_key)
        if session is None or session.expires_at <= self._now() or session.id.hex() in self._ended:
            return None
        return session

    def renew(self, session: Session) -> str | None:
        """The text of a session that holds longer; None while that is not needed, or no longer granted."""
        last = min(self._now() + SESSION_SECONDS * 1000, session.began_at + _LONGEST_SESSION_MS)
        if last - session.expires_at < _RENEWAL_MS:
            return None
        return write_session(session._replace(expires_at=last), self._session_key)

    def end_session(self, session: Session) -> None:
        """Ends a session everywhere, also where its cookie was renewed."""
        self._end(session.id.hex(), session.began_at + _LONGEST_SESSION_MS)

    def issue_token(self) -> Token:
        """A new token for a program: a JWT."""
        begins = self._now() // 1000
        expires = begins + TOKEN_MINUTES * 60
        claims: dict[str, Any] = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": "administrator",
            "jti": self._random(16).hex(),
            "iat": begins,
            "exp": expires,
        }
        return Token(jwt.encode(claims, self._token_key, _ALGORITHM), expires * 1000)

    def is_token(self, text: str) -> bool:
        """Whether a token is ours and holds still."""
        return self._claims(text) is not None

    def end_token(self, text: str) -> None:
        """Ends a token, if it is ours."""
        claims = self._claims(text)
        if claims is not None:
            self._end(claims["jti"], claims["exp"] * 1000)

    def _claims(self, text: str) -> dict[str, Any] | None:
        if len(text) > _LONGEST_TOKEN or text.count(".") != 2:
            return None
        try:
            claims = jwt.decode(
                text,
                self._token_key,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                audience=_AUDIENCE,
                # The clock is ours, so the times are compared below.
                options={"require": ["exp", "jti", "sub"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return None
        return claims if claims["exp"] * 1000 > self._now() and claims["jti"] not in self._ended else None

    def _count(self, address: str) -> None:
        wait = self._attempts.wait_ms(address)
        if wait:
            raise TooManyAttempts(wait)
        self._attempts.count(address)

    def _forget_codes(self) -> None:
        now = self._now()
        self._codes = {digest: until for digest, until in self._codes.items() if until > now}

    def _end(self, name: str, until: int) -> None:
        """Waits for a disk, where `ended` is kept on one."""
        with self._ending:
            for gone in list(_past(self._ended, self._now())):
                del self._ended[gone]
            self._ended[name] = until


def _past(ended: MutableMapping[str, int], now: int) -> Iterator[str]:
    return (name for name, until in ended.items() if until <= now)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _bound(key: bytes, secrets: Secrets) -> bytes:
    """A key that is another one as soon as the administrator's own secrets are."""
    return hmac.digest(key, _digest(secrets.admin_key) + _digest(secrets.password_hash), sha256)
