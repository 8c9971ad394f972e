"""One call on its way through the gateway: what is known of it so far, written down once; it sends nothing."""

import errno
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from ccledger.core.access import AccountType
from ccledger.core.call import (
    Billing,
    Exchange,
    Fact,
    Failer,
    Origin,
    Outcome,
    Party,
    Place,
    Reading,
    Source,
    Timing,
)
from ccledger.core.measures import MODEL_ENDPOINTS
from ccledger.wire.asked import Asked
from ccledger.wire.messages import Names, Seen, measure

if TYPE_CHECKING:
    from ccledger.core.access import AccessToken, Account, Credential
    from ccledger.core.ports import Spool
    from ccledger.sources.gateway.admit import Pass
    from ccledger.wire.messages import Metered

LEFT: Final = 499
"""The status of a call whose client went away before it had its answer, as nginx has it."""
_SOURCE: Final = Source.GATEWAY.value
_SOURCES: Final = 1 << _SOURCE
_LONGEST_ERROR: Final = 500
_SHORTEST_SECRET: Final = 8
"""Characters; anything shorter is in texts by chance."""
_SECRETS: Final = re.compile(r"(?i)\b(?:sk|ccl|key|bearer|token)[-_ ][\w.~+/=-]{8,}")
_NOT_PLAIN: Final = re.compile(r"[\x00-\x1f\x7f]+")


def in_one_line(text: str) -> str:
    """A reason as it may be kept: short, in one line, and without anything that looks like a key."""
    return _SECRETS.sub("[…]", _NOT_PLAIN.sub(" ", text))[:_LONGEST_ERROR].strip()


class Ending(NamedTuple):
    """How a call ended."""

    status: int
    failed_by: Failer = Failer.NOBODY
    error: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The same in one word."""
        if self.failed_by == Failer.NOBODY:
            return Outcome.OK
        return Outcome.ABORTED if self.status == LEFT else Outcome.ERROR


class Visit:
    """What is known of a call. It holds room in the spool from `admit` on, until it is written down."""

    __slots__ = (
        "_is_admitted",
        "_is_written",
        "_secrets",
        "_spool",
        "account",
        "agent",
        "asked",
        "attempts",
        "endpoint",
        "entered",
        "first_token_ms",
        "is_unseen",
        "mode",
        "own",
        "request_id",
        "seen",
        "session",
        "started_at",
        "token",
        "tokens_used",
    )

    def __init__(self, spool: "Spool", own: str, endpoint: str, started_at: int) -> None:
        """`own` is an id that no other call has; times in milliseconds since 1970."""
        self._spool = spool
        self.own = own
        self._is_admitted = False
        self._is_written = False
        self._secrets: tuple[str, ...] = ()
        self.endpoint = endpoint
        self.started_at = started_at
        self.token: AccessToken | None = None
        self.account: Account | None = None
        self.mode: str | None = None
        self.entered: Pass | None = None
        """Its place among the calls of its access token, given back when it is over."""
        self.asked: Asked | None = None
        self.session: str | None = None
        self.agent: str | None = None
        self.seen: Seen | None = None
        self.request_id: str | None = None
        self.attempts = 0
        self.is_unseen = False
        """Whether an upstream may be at work on it of whose answer nothing came."""
        self.first_token_ms: int | None = None
        self.tokens_used = 0

    def know_secret(self, secret: str) -> None:
        """Nothing is written down with this in it."""
        if len(secret) >= _SHORTEST_SECRET and secret not in self._secrets:
            self._secrets = (*self._secrets, secret)

    def know(self, credential: "Credential") -> None:
        """The same for what an account has."""
        self.know_secret(credential.secret)
        self.know_secret(credential.refresh_token or "")
        if credential.proxy_url:
            self.know_secret(urlsplit(credential.proxy_url).password or "")

    def admit(self) -> bool:
        """Keeps room for what will be written; False when there is none."""
        self._is_admitted = self._is_admitted or self._spool.reserve()
        return self._is_admitted

    @property
    def is_written(self) -> bool:
        """Whether the call is in the spool."""
        return self._is_written

    def write(self, ending: Ending, duration_ms: int) -> None:
        """Writes the call down, unless that was done; what can't be kept on a full disk was no call of a model."""
        if self._is_written or not self.admit():
            return
        self._is_written = True
        facts = self._facts(ending, duration_ms)
        if self._tells_secret(ending):
            facts = _without(self._secrets, facts)
        self.tokens_used = sum(fact.reading.usage.total_tokens for fact in facts if fact.reading is not None)
        self._spool.write(facts)

    def write_results(self, results: "Sequence[Metered]") -> None:
        """Writes down what a batch's results came to; they are calls beside this one, which only fetches them.

        Raises `OSError` when there is no room: then nobody must see their end.
        """
        if not self._spool.reserve():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        timing, place, party = Timing(_SOURCE, self.started_at), self._place(), self._party()
        exchange = Exchange("batches")
        facts = [
            Fact(one.keys, timing, one.reading, place, self.started_at, party, _SOURCES, exchange) for one in results
        ]
        self._spool.write(_without(self._secrets, facts))

    def leave(self) -> None:
        """The call is over: gives back its place, and the room of one that was never written. Once is enough."""
        if self.entered is not None:
            # Only now it is known what the call used: a client that goes away early has used tokens, too.
            self.entered.leave(self.tokens_used)
        if self._is_admitted and not self._is_written:
            self._is_written = True
            self._spool.release()

    def _tells_secret(self, ending: Ending) -> bool:
        """Whether somebody has put a secret where it would be written down."""
        asked, seen = self.asked, self.seen
        said = [ending.error, self.endpoint, self.session, self.agent, self.request_id]
        if asked is not None:
            said += (asked.model, asked.user)
        if seen is not None:
            said += (seen.model, seen.message)
        text = "\n".join(filter(None, said))
        return any(secret in text for secret in self._secrets)

    def _facts(self, ending: Ending, duration_ms: int) -> list[Fact]:
        started_at = self.started_at
        timing = Timing(_SOURCE, started_at, ending.outcome, ending.status, duration_ms, self.first_token_ms)
        place, party = self._place(), self._party()
        asked = self.asked
        exchange = Exchange(
            self.endpoint,
            asked is not None and asked.stream,
            ending.failed_by,
            self._reason(ending),
            self.attempts,
        )
        if asked is None or self.endpoint not in MODEL_ENDPOINTS:
            own = f"call:{self.own}"
            keys = (own,) if self.request_id is None else (own, f"req:{self.request_id}")
            return [Fact(keys, timing, None, place, started_at, party, _SOURCES, exchange)]
        seen = Seen() if self.seen is None and self.is_unseen else self.seen
        first, *advice = measure(asked, seen, Names(self.own, self.request_id, self.session or ""))
        beside = Timing(_SOURCE, started_at)
        return [
            Fact(first.keys, timing, self._judged(first.reading), place, started_at, party, _SOURCES, exchange),
            *(Fact(one.keys, beside, one.reading, place, started_at, party, _SOURCES) for one in advice),
        ]

    def _judged(self, reading: Reading) -> Reading:
        """What was read of an answer; a web backend counts no tokens, so that what it is made to say is estimated."""
        if self.account is None or self.account.type != AccountType.SESSION_KEY:
            return reading
        return replace(reading, origin=Origin.ESTIMATED)

    def _reason(self, ending: Ending) -> str | None:
        if ending.error is None:
            return None
        # Before it is made shorter: a part of a secret is not recognised any more.
        return in_one_line(_hidden(self._secrets, ending.error)) or None

    def _place(self) -> Place:
        account = self.account
        subscribed = account is not None and account.billing == "subscription"
        billing = Billing.SUBSCRIPTION if subscribed else Billing.API
        return Place(_SOURCE, session=self.session, agent=self.agent, billing=billing)

    def _party(self) -> Party | None:
        token, account = self.token, self.account
        if token is None:
            return None
        return Party(_SOURCE, token.id, None if account is None else account.id, self._user(token), self.mode)

    def _user(self, token: "AccessToken") -> str:
        """Whom the application says it works for; where it is a person's Claude Code, the key's owner."""
        asked = self.asked
        if asked is None or not asked.user or asked.session or asked.account:
            return token.user
        return asked.user


def _hidden(secrets: Iterable[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "[…]")
    return text


def _without(secrets: Collection[str], facts: list[Fact]) -> list[Fact]:
    """The same facts without a secret in any of their texts."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return _hidden(secrets, value)
        if isinstance(value, Mapping):
            return {name: clean(one) for name, one in cast("Mapping[str, Any]", value).items()}
        return [clean(one) for one in cast("list[Any]", value)] if isinstance(value, list | tuple) else value

    return msgspec.convert(clean(msgspec.to_builtins(facts)), list[Fact])
