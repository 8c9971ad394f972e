"""Issues, changes, revokes and deletes access tokens, and says what makes no sense; it never touches a call."""

import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from ccledger.access.durations import parse_duration
from ccledger.access.keys import KeyRing, Signing, digest_of, hint_of, new_key, signed_key
from ccledger.access.users import user_named
from ccledger.core.access import OWNER, AccessToken, Mode
from ccledger.core.errors import UsageError
from ccledger.ledger.store import KeptToken, Store

if TYPE_CHECKING:
    from ccledger.core.ports import Clock

_LONGEST_NAME: Final = 100
_LONGEST_NOTE: Final = 1000
_LONGEST_MODEL: Final = 200
_MOST_ENTRIES: Final = 100
_LARGEST_LIMIT: Final = 10**12
_LIMITS: Final = ("requests_per_minute", "tokens_per_minute", "concurrency")


class UnknownToken(UsageError):
    """No access token is called that."""


def _about(text: str) -> Meta:
    return Meta(description=text)


class TokenSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of an access token. What is left out stays as it is."""

    name: Annotated[str | UnsetType, _about("What people call it: 1 to 100 characters.")] = UNSET
    expires_in: Annotated[
        str | UnsetType | None,
        _about("From now on, as in 720h, 1h30m or 30d; null: never. A new one that has none does not expire."),
    ] = UNSET
    mode: Annotated[str | UnsetType, _about("`api`, `web` or `both`.")] = UNSET
    note: Annotated[str | UnsetType, _about("Anything worth knowing of it, up to 1000 characters.")] = UNSET
    models: Annotated[list[str] | UnsetType | None, _about("Models it may ask, `*` for any characters; none: all.")] = (
        UNSET
    )
    ips: Annotated[list[str] | UnsetType | None, _about("Addresses and networks it may come from; none: all.")] = UNSET
    requests_per_minute: int | UnsetType | None = UNSET
    tokens_per_minute: int | UnsetType | None = UNSET
    concurrency: Annotated[int | UnsetType | None, _about("Calls it may have open at once.")] = UNSET
    enable_conversation_logging: Annotated[bool | UnsetType, _about("Whether the text of its calls is recorded.")] = (
        UNSET
    )


class NewToken(TokenSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of a new access token. What is left out is not limited."""

    user_name: Annotated[str, _about("Who owns it; a user who is not known yet becomes known.")] = OWNER
    form: Annotated[
        Literal["key", "jwt"], _about("`jwt`: a JSON Web Token, where a secret is set that signs such keys.")
    ] = "key"


class Issued(NamedTuple):
    """A new access token, and its key: nobody can be told that a second time."""

    token: AccessToken
    key: str


class Tokens:
    """Every access token of a ledger, and how they change. What it changes holds from the next call on."""

    def __init__(
        self, store: Store, clock: "Clock", random_bytes: Callable[[int], bytes], signing: Signing | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes
        self._signing = signing
        self._changing = threading.Lock()
        kept = store.access_tokens()
        self._kept = {one.token.id: one for one in kept}
        self.keys = KeyRing(kept, signing)

    def reload(self) -> None:
        """Takes over what somebody else has changed on the ledger."""
        with self._changing:
            self._reload()

    def _reload(self) -> None:
        for kept in self._store.access_tokens():
            # What has not changed stays the same object: limits are those of the one that is shown.
            if self._kept.get(kept.token.id) != kept:
                self._kept[kept.token.id] = kept
                self.keys.put(kept)

    def all(self) -> Sequence[AccessToken]:
        """Every access token that was not deleted, oldest first."""
        return [kept.token for kept in list(self._kept.values()) if kept.deleted_at is None]

    def name_of(self, token_id: str) -> str | None:
        """What an access token is called, or was before it was deleted."""
        kept = self._kept.get(token_id)
        return None if kept is None else kept.token.name

    def issue(self, asked: NewToken) -> Issued:
        """A new access token and its key. Raises `UsageError` for what makes no sense."""
        signing = self._signing if asked.form == "jwt" else None
        if asked.form == "jwt" and signing is None:
            raise UsageError(
                "the form jwt takes a secret to sign keys with, and jwt_secret is not set; ask for the form key"
            )
        if asked.name is UNSET:
            raise UsageError("an access token takes a name")
        now = self._clock()
        owner = _text("user_name", asked.user_name, _LONGEST_NAME)
        token = _changed(AccessToken(self._new_id(), "", owner, now), asked, now)
        key = new_key(self._random_bytes) if signing is None else signed_key(token, signing)
        token = replace(token, hint=hint_of(key))
        with self._changing:
            user_named(self._store, owner, now=now, new_id=self._new_id())
            self._keep(KeptToken(token, digest_of(key)))
        return Issued(token, key)

    def change(self, token_id: str, asked: TokenSettings) -> AccessToken:
        """Changes what is asked of an access token. Raises `UnknownToken`, `UsageError` for what makes no sense."""
        with self._changing:
            kept = self._newest(token_id)
            changed = _changed(kept.token, asked, self._clock())
            if _is_signed(kept.token) and _ends_later(changed, kept.token):
                raise UsageError("a key in the form of a JSON Web Token ends when it says itself; issue a new one")
            return self._keep(kept._replace(token=changed))

    def revoke(self, token_id: str) -> AccessToken:
        """Ends an access token for good; one that is revoked already stays as it is. Raises `UnknownToken`."""
        with self._changing:
            kept = self._newest(token_id)
            if kept.token.revoked_at is not None:
                return kept.token
            return self._keep(kept._replace(token=replace(kept.token, revoked_at=self._clock())))

    def delete(self, token_id: str) -> AccessToken:
        """Takes an access token away; its calls stay, and so does its name for them. Raises `UnknownToken`."""
        with self._changing:
            return self._keep(self._newest(token_id)._replace(deleted_at=self._clock()))

    def _newest(self, token_id: str) -> KeptToken:
        """An access token as it is on the ledger: another node may have changed it a moment ago."""
        self._reload()
        return self._known(token_id)

    def _known(self, token_id: str) -> KeptToken:
        kept = self._kept.get(token_id)
        if kept is None or kept.deleted_at is not None:
            raise UnknownToken(f"there is no access token '{token_id}'; 'ccledger token list' shows those there are")
        return kept

    def _keep(self, kept: KeptToken) -> AccessToken:
        """First on disk, then in memory: what a caller was told must hold after a crash."""
        self._store.keep_access_token(kept)
        self._kept[kept.token.id] = kept
        self.keys.put(kept)
        return kept.token

    def _new_id(self) -> str:
        return str(UUID(bytes=self._random_bytes(16), version=4))


def _changed(token: AccessToken, asked: TokenSettings, now: int) -> AccessToken:
    """The access token with what is asked of it."""
    fields: dict[str, Any] = {}
    for name in TokenSettings.__struct_fields__:
        value = getattr(asked, name)
        if value is UNSET:
            continue
        if name == "expires_in":
            fields["expires_at"] = None if value is None else now + parse_duration(value)
        elif name in _LIMITS:
            fields[name] = _limit(name, value)
        elif name in _READ:
            fields[name] = _READ[name](value)
        else:
            fields[name] = value
    return replace(token, **fields)


def _is_signed(token: AccessToken) -> bool:
    """Whether its key is a JSON Web Token, of which nothing is shown."""
    return not token.hint


def _ends_later(token: AccessToken, before: AccessToken) -> bool:
    if token.expires_at is None or before.expires_at is None:
        return token.expires_at is None and before.expires_at is not None
    return token.expires_at > before.expires_at


def _text(name: str, text: str, longest: int, least: int = 1) -> str:
    plain = text.strip()
    if not least <= len(plain) <= longest or not plain.isprintable():
        raise UsageError(f"{name} takes {least} to {longest} characters in one line")
    return plain


def _mode(text: str) -> str:
    if text not in tuple(Mode):
        raise UsageError(f"mode is {', '.join(Mode)}, not {text!r}")
    return text


def _models(patterns: Sequence[str] | None) -> tuple[str, ...]:
    for pattern in patterns or ():
        if not 1 <= len(pattern) <= _LONGEST_MODEL or not pattern.isprintable() or " " in pattern or "," in pattern:
            raise UsageError(
                "models takes names of models such as claude-opus-5 or claude-*, without spaces and commas"
            )
    return _few("models", patterns)


def _ips(texts: Sequence[str] | None) -> tuple[str, ...]:
    return _few("ips", [_ip(text.strip()) for text in texts or ()])


def _ip(text: str) -> str:
    try:
        return str(ip_network(text, strict=False)) if "/" in text else str(ip_address(text))
    except ValueError:
        raise UsageError(f"ips takes addresses and networks such as 192.0.2.7 or 10.0.0.0/8, not {text!r}") from None


def _few(name: str, texts: Sequence[str] | None) -> tuple[str, ...]:
    unique = tuple(dict.fromkeys(texts or ()))
    if len(unique) > _MOST_ENTRIES:
        raise UsageError(f"{name} takes at most {_MOST_ENTRIES} entries")
    return unique


def _limit(name: str, number: int | None) -> int | None:
    if number is not None and not 1 <= number <= _LARGEST_LIMIT:
        raise UsageError(f"{name} takes a whole number from 1, or null for no limit")
    return number


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "name": lambda text: _text("name", text, _LONGEST_NAME),
    "note": lambda text: _text("note", text, _LONGEST_NOTE, 0),
    "mode": _mode,
    "models": _models,
    "ips": _ips,
}
