"""Changes access tokens where the ledger is written: through a running server, else by this process."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from msgspec import convert, json

from ccledger.core.errors import StoreError, UsageError
from ccledger.stats.tokens import TokenInfo, describe_tokens

if TYPE_CHECKING:
    from ccledger.access.tokens import NewToken, Tokens, TokenSettings
    from ccledger.app import Surroundings
    from ccledger.core.access import AccessToken
    from ccledger.ledger.store import Store
    from ccledger.settings import Settings

_SHORTEST_ID = 8
"""So many characters of an id are shown, and enough to mean it."""


class Made(NamedTuple):
    """A new access token, and its key."""

    info: TokenInfo
    key: str


class TokenKeeper(Protocol):
    """Who may change access tokens."""

    def all(self) -> Sequence[TokenInfo]:
        """Every access token, the newest first."""
        ...

    def is_good(self, key: str) -> bool:
        """Whether a key, one printable word, lets somebody in now."""
        ...

    def issue(self, asked: "NewToken") -> Made:
        """A new access token."""
        ...

    def change(self, token_id: str, asked: "TokenSettings") -> TokenInfo:
        """Changes what is asked of an access token, and answers what it is now."""
        ...

    def revoke(self, token_id: str) -> None:
        """Ends an access token for good."""
        ...

    def delete(self, token_id: str) -> None:
        """Takes an access token away."""
        ...


@contextmanager
def opened_tokens(settings: "Settings", surroundings: "Surroundings") -> Generator[TokenKeeper]:
    """Who may change the access tokens now."""
    from ccledger import app
    from ccledger.cli.running import held_unless_served

    with held_unless_served(settings, surroundings) as held:
        yield _There(settings) if held is None else _Here(held, app.tokens_of(held, settings), app.clock)


def meant(infos: Sequence[TokenInfo], word: str) -> TokenInfo:
    """The access token of that id, else the one of that name, else the one whose id begins like that.

    Raises `UsageError` when it is none or not clear.
    """
    found = (
        [info for info in infos if info.id == word]
        or [info for info in infos if info.name == word]
        or [info for info in infos if len(word) >= _SHORTEST_ID and info.id.startswith(word)]
    )
    if not found:
        raise UsageError(f"there is no access token '{word}'; 'ccledger token list' shows those there are")
    if len(found) > 1:
        raise UsageError(f"{len(found)} access tokens are called '{word}'; name the one you mean by its id")
    return found[0]


def short_id(info: TokenInfo) -> str:
    """The beginning of an id, enough to mean it."""
    return info.id[:_SHORTEST_ID]


class _Here:
    """This process holds the ledger."""

    def __init__(self, store: "Store", tokens: "Tokens", clock: Callable[[], int]) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock

    def all(self) -> Sequence[TokenInfo]:
        return self._described(self._tokens.all()[::-1])

    def is_good(self, key: str) -> bool:
        token = self._tokens.keys.find(key)
        return token is not None and self._described([token])[0].is_valid

    def issue(self, asked: "NewToken") -> Made:
        issued = self._tokens.issue(asked)
        return Made(self._described([issued.token])[0], issued.key)

    def change(self, token_id: str, asked: "TokenSettings") -> TokenInfo:
        return self._described([self._tokens.change(token_id, asked)])[0]

    def revoke(self, token_id: str) -> None:
        self._tokens.revoke(token_id)

    def delete(self, token_id: str) -> None:
        self._tokens.delete(token_id)

    def _described(self, tokens: "Sequence[AccessToken]") -> list[TokenInfo]:
        return describe_tokens(self._store, tokens, self._clock())


class _There:
    """A server holds the ledger."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings

    def all(self) -> Sequence[TokenInfo]:
        return convert(self._ask("list", method="GET")["tokens"], list[TokenInfo])

    def is_good(self, key: str) -> bool:
        from ccledger.cli.running import is_good_key

        return bool(is_good_key(self._settings, key))

    def issue(self, asked: "NewToken") -> Made:
        told = self._ask("generate", asked)
        return Made(convert(told, TokenInfo), told["token"])

    def change(self, token_id: str, asked: "TokenSettings") -> TokenInfo:
        return convert(self._ask(f"{token_id}/settings", asked, "PUT"), TokenInfo)

    def revoke(self, token_id: str) -> None:
        self._ask("revoke", {"id": token_id})

    def delete(self, token_id: str) -> None:
        self._ask(token_id, method="DELETE")

    def _ask(self, what: str, body: object = None, method: str = "POST") -> "dict[str, Any]":
        from ccledger.cli.running import ask_server

        answer = ask_server(self._settings, f"token/{what}", b"" if body is None else json.encode(body), method)
        if answer is None:
            raise StoreError("the server that held the ledger has ended meanwhile; run the command again")
        return json.decode(answer)
