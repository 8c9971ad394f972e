"""The port every storage engine fulfils, and how one is chosen; it never does storage itself."""

import importlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ccledger.core.errors import UsageError

if TYPE_CHECKING:
    from ccledger.core.access import AccessToken, Account, User
    from ccledger.core.cached import CachedDay, CachedFile
    from ccledger.core.call import Call, Fact
    from ccledger.core.measures import Axis, Cut, Dimension, Grain, Measures
    from ccledger.core.prices import Model, Override
    from ccledger.ledger.backups import Backups
    from ccledger.ledger.cached import KeptDay
    from ccledger.ledger.move import Source, Target
    from ccledger.ledger.plan import Price
    from ccledger.ledger.schema import Outlook


class Batch(NamedTuple):
    """One commit: which calls it touched and by how much each model's numbers moved."""

    sequence: int
    committed_at: int
    """Milliseconds since 1970."""
    ids: tuple[int, ...]
    models: "Mapping[str, Measures]"
    """Differences by model."""


class SpanRow(NamedTuple):
    """A roll-up row: one span of one grain, of one value of a dimension, of one model."""

    start: int
    key: str
    """The dimension's value: a project's path, a name; empty for the dimension `ALL`."""
    folder: str
    """For projects the name of their transcripts' directory, else empty."""
    model: str
    measures: "Measures"


class SessionRow(NamedTuple):
    """What one session spent with one model on one day."""

    day: int
    session: str
    model: str
    measures: "Measures"


class SumRow(NamedTuple):
    """What the calls of one stretch of time that are alike spent together."""

    stretch: int
    """Which of the stretches that were asked for, by its place among them."""
    values: tuple[str, ...]
    """What the calls have on each axis of the cut's `by`, empty where they have nothing."""
    measures: "Measures"


class SessionInfo(NamedTuple):
    """What is known of a session beside its numbers. Times in milliseconds since 1970."""

    session: str
    project: str
    folder: str
    branch: str
    agents: int
    first_at: int
    last_at: int


class Summary(NamedTuple):
    """The extent of the ledger. Times in milliseconds since 1970, None when it is empty."""

    calls: int
    sessions: int
    first_at: int | None
    last_at: int | None


class Wanted(NamedTuple):
    """Which calls are meant. A field that is None leaves out none."""

    model: str | None = None
    projects: frozenset[tuple[str, str]] | None = None
    """By path and folder, as `Store.projects` names them."""
    session: str | None = None
    access_token: str | None = None
    account: str | None = None
    user: str | None = None
    mode: str | None = None
    source: str | None = None
    endpoint: str | None = None
    status: int | None = None
    """The HTTP status that the client got."""
    success: bool | None = None
    """Whether it ended well."""

    @property
    def is_summed(self) -> bool:
        """Whether `Store.counts` tells how many of these calls there are; of others it tells at most how many."""
        if self.session is not None:
            return True
        dimensions = (self.projects, self.access_token, self.account, self.user, self.source)
        named = [value for value in dimensions if value is not None]
        whole = "" not in named and self.source != "transcript" and ("", "") not in (self.projects or ())
        return whole and len(named) <= 1 and self.mode is self.endpoint is self.status is None


class Ranking(StrEnum):
    """By what calls can be put in order, beside time."""

    STATUS = "status"
    TOKENS = "tokens"
    COST = "cost"


class SpanCount(NamedTuple):
    """How many calls one span of a grain has."""

    start: int
    calls: int


class Slice(NamedTuple):
    """Which calls to price anew: those that began at or after `start` and before `end`. Milliseconds since 1970."""

    start: int
    end: int
    models: frozenset[str] | None = None
    """Their models, as calls name them; None: all."""


class Step(NamedTuple):
    """What one step through a slice did."""

    reached: int | None
    """The call after which the next step begins; None when the slice is done."""
    batch: Batch | None
    """None when no price had changed."""


class PriceChange(NamedTuple):
    """One change of prices or of what calls cost. Times in milliseconds since 1970, money in nano-USD."""

    number: int
    changed_at: int
    changed_by: str
    what: str
    calls: int
    old_cost: int
    """What the changed calls cost before; those without a price count nothing."""
    new_cost: int
    finished_at: int | None
    """None while it is going on, and for ever when it was not carried through."""


class KeptToken(NamedTuple):
    """An access token as it is stored."""

    token: "AccessToken"
    digest: bytes
    """SHA-256 of its whole secret; no two tokens have the same."""
    deleted_at: int | None = None
    """Milliseconds since 1970; from then on it only gives a name to the calls that it made."""


class KeptAccount(NamedTuple):
    """An account as it is stored."""

    account: "Account"
    sealed: bytes | None
    """Its credential, which the storage can't open; None once it is deleted."""
    deleted_at: int | None = None
    """Milliseconds since 1970; None while it is there. What is deleted is kept because calls name it."""


class Store(Protocol):
    """A ledger's storage: one writer, any number of readers."""

    def append(self, facts: "Sequence[Fact]", positions: Mapping[str, bytes | None], *, now: int) -> Batch | None:
        """Books facts and positions in one transaction; None when the facts said nothing new."""
        ...

    def positions(self) -> dict[str, bytes]:
        """Every remembered position by name."""
        ...

    def position(self, name: str) -> bytes | None:
        """One remembered position."""
        ...

    def zone(self) -> str:
        """The IANA name of the time zone whose days the day roll-ups are."""
        ...

    def rebuild(self, zone: str) -> None:
        """Sums all roll-ups up anew from the calls, with days in another zone.

        Once calls were removed, days are summed up from quarter-hours, and what removed calls told of sessions and of
        several dimensions at once stays on the days it was told for.
        """
        ...

    def overrides(self) -> "list[Override]":
        """What was laid over the shipped prices, in the order in which it was."""
        ...

    def override(self, override: "Override") -> None:
        """Lays a period over the prices of a model; calls booked from now on are priced by it."""
        ...

    def withdraw(self, model: str, start: int | None, *, by: str, now: int) -> int:
        """Takes a model's overrides away, all or the one that begins at a time, and answers how many these were."""
        ...

    def list_shipped(self, version: str, models: "Callable[[], Iterable[Model]]") -> None:
        """Remembers the shipped prices for those who read the storage itself, unless that version is remembered."""
        ...

    def begin_repricing(self, what: str, *, by: str, now: int) -> int:
        """Notes that calls are going to be priced anew, and answers the number of the note."""
        ...

    def reprice(self, change: int, part: Slice, after: int, limit: int, *, now: int) -> Step:
        """Prices calls of a slice anew in one transaction, looking at no more than `limit` of them.

        Their rows and the roll-ups are corrected, and the note says by how much. The first step goes on after call -1.
        """
        ...

    def price_changes(self) -> list[PriceChange]:
        """Every change of prices, oldest first."""
        ...

    def horizon(self) -> int:
        """Calls that began before this time (milliseconds since 1970) are kept no longer; 0 when all are kept."""
        ...

    def remove(self, horizon: int, limit: int) -> int:
        """Removes calls that began before a time, no more than `limit`, and answers how many; no sum changes.

        From then on a fact of that time is passed over unless it continues a call that is still there.
        """
        ...

    def sweep(self, after: str, limit: int) -> str | None:
        """Removes the keys of removed calls, looking at no more than `limit` keys; answers where to go on, if at all.

        The first sweep begins after the empty text.
        """
        ...

    def spans(self, grain: "Grain", dimension: "Dimension", first: int, last: int) -> list[SpanRow]:
        """Roll-up rows of the spans from `first` to `last` (both included), ordered by span."""
        ...

    def sum_spans(
        self, grain: "Grain", dimension: "Dimension", stretches: Sequence[tuple[int, int]], cut: "Cut"
    ) -> list[SumRow]:
        """Sums of the roll-up by one dimension; a stretch is its first and its last span.

        The cut may name the model and the dimension's own axis. Calls without a value on that axis are not among
        those summed up. Rows that are alike may come in parts, in no particular order; so it is with all sums.
        """
        ...

    def sum_days(self, stretches: Sequence[tuple[int, int]], cut: "Cut") -> list[SumRow]:
        """Sums of whole days of the ledger by any axes; a stretch is its first and its last day."""
        ...

    def sum_calls(self, stretches: Sequence[tuple[int, int]], cut: "Cut") -> list[SumRow]:
        """Sums of the calls themselves by any axes; a stretch is its first and its last millisecond."""
        ...

    def calls(self, start: int, end: int) -> "list[Call]":
        """Calls that started at or after `start` and before `end` (milliseconds), oldest first."""
        ...

    def newest(self, start: int, end: int, wanted: Wanted, skip: int = 0) -> "Generator[Call]":
        """Calls that started at or after `start` and before `end` (milliseconds), newest first, without the first
        `skip`. By start, then by id; whoever stops early closes the iterator.
        """
        ...

    def oldest(self, start: int, end: int, wanted: Wanted, skip: int = 0) -> "Generator[Call]":
        """As `newest`, the other way round."""
        ...

    def ranked(
        self, start: int, end: int, wanted: Wanted, ranking: Ranking, limit: int, *, falling: bool
    ) -> "list[Call]":
        """The first calls of a time by a ranking, found by looking at each: for short times.

        Those without a status or cost come last, the newest of equals first.
        """
        ...

    def call(self, number: int) -> "Call | None":
        """The call of an id, or the one that it became part of."""
        ...

    def count(self, start: int, end: int, wanted: Wanted) -> int:
        """How many calls started at or after `start` and before `end`, by looking at each: for short times."""
        ...

    def counts(self, grain: "Grain", first: int, last: int, wanted: Wanted) -> list[SpanCount]:
        """How many calls the spans from `first` to `last` (both included) have, ordered; empty spans are left out.

        Where `wanted` is not summed up (see `Wanted.is_summed`) it is at least so many as there are.
        """
        ...

    def projects(self) -> list[tuple[str, str]]:
        """Path and folder of every project."""
        ...

    def snapshot(self) -> "AbstractContextManager[Store]":
        """The ledger as it is now, to be asked by one thread at a time: what is booked meanwhile does not show."""
        ...

    def first_call_at(self, start: int, end: int) -> int | None:
        """When the first of the calls started that did at or after `start` and before `end`; None without one."""
        ...

    def last_call_at(self, start: int, end: int) -> int | None:
        """When the last of these calls started."""
        ...

    def booked(self, keys: Iterable[str]) -> set[str]:
        """Which of these identifying keys lead to a call."""
        ...

    def exchanged(self, keys: Iterable[str]) -> set[str]:
        """Which of these identifying keys lead to a call that a gateway has reported."""
        ...

    def sessions(self, first_day: int, last_day: int) -> list[SessionRow]:
        """What each session spent on the days from `first_day` to `last_day` (both included)."""
        ...

    def sessions_named(self, sessions: Iterable[str]) -> list[SessionRow]:
        """What each of the named sessions spent, on all days."""
        ...

    def session_infos(self, sessions: Iterable[str]) -> list[SessionInfo]:
        """What is known of the named sessions, in no particular order; unknown ones are left out."""
        ...

    def recent_sessions(self, since: int, limit: int) -> list[str]:
        """Sessions with a call that started at or after `since` (milliseconds), newest first."""
        ...

    def summary(self) -> Summary:
        """The extent of the ledger."""
        ...

    def batches(self, after: int, limit: int) -> list[Batch]:
        """Commits after a sequence number, oldest first."""
        ...

    def users(self) -> "list[User]":
        """Who owns access tokens, oldest first: at least the user `core.access.OWNER`."""
        ...

    def keep_user(self, user: "User") -> None:
        """Keeps a new user; one whose name is taken already is passed over."""
        ...

    def access_tokens(self) -> list[KeptToken]:
        """Every access token that was ever issued, deleted ones included, oldest first."""
        ...

    def keep_access_token(self, kept: KeptToken) -> None:
        """Keeps an access token in place of the one with the same id, durably on return; no call changes.

        What has ended stays ended, by the earliest time that was told: whoever keeps it may not know that yet.
        """
        ...

    def last_calls(self, axis: "Axis") -> dict[str, int]:
        """When the newest call of each value on an axis began (milliseconds since 1970), of those that have calls.

        The axis is that of access tokens, accounts or users. Where that call was removed, its quarter-hour is told.
        """
        ...

    def keep_cached_days(self, file: "CachedFile", days: "Sequence[CachedDay]") -> None:
        """See `core.ports.DayKeeper`. Days are priced as they come."""
        ...

    def cached_files(self) -> "list[CachedFile]":
        """The files of Claude Code's own statistics that were read, by root."""
        ...

    def cached_days(self, first: int, last: int) -> "list[KeptDay]":
        """What these files tell of the days from `first` to `last` (both included), by day, root and model."""
        ...

    def accounts(self) -> list[KeptAccount]:
        """Every account there ever was, in the order in which they were added."""
        ...

    def keep_account(self, kept: KeptAccount) -> None:
        """Keeps an account, new or in place of what was known under its id."""
        ...

    def replace_account(self, kept: KeptAccount, sealed: bytes | None) -> bool:
        """Keeps an account in place of the one under its id, whose credential is `sealed`.

        False, and nothing is changed, when that is another one by now, or the account was deleted.
        """
        ...

    def tell_health(self, account: str, health: str, at: int) -> None:
        """Keeps what a check of an account found, and when; of one that was deleted it keeps nothing."""
        ...

    def close(self) -> None:
        """Frees what the store holds; it can't be used any more."""
        ...


def engines() -> list[str]:
    """The names of the storage engines there are: the files of the folder `engines`."""
    folder = Path(__file__).parent / "engines"
    return sorted(file.stem for file in folder.glob("[!_]*.py"))


def open_store(url: str, prices: "Callable[[], Price]", zone: str, backups: "Backups | None" = None) -> Store:
    """The store that may write at a database URL; its scheme names the engine.

    `prices` is asked when the first call has to be priced, `zone` is for a new ledger's days; with `backups` a copy is
    made before the schema of an existing one changes.
    """
    return importlib.import_module(_engine(url)).open_writer(url, prices, zone, backups)


def open_reader(url: str, patience_ms: int = 10_000) -> Store:
    """A store that only reads. Raises `StoreError` when there is nothing to read yet.

    `patience_ms` is how long it may wait for somebody who holds the storage; most engines never have to.
    """
    return importlib.import_module(_engine(url)).open_reader(url, patience_ms)


def outlook(url: str) -> "Outlook":
    """What opening the ledger to write it would do to its schema. Nothing is changed."""
    return _lasting(url, "its schema is always this version's").outlook(url)


def open_source(url: str, data_dir: Path) -> "Source":
    """A ledger to be moved elsewhere. The caller holds the lock of the data directory."""
    return _lasting(url, _UNMOVABLE).open_source(url, data_dir)


def open_target(url: str, data_dir: Path) -> "Target":
    """A place to move a ledger to. The caller holds the lock of the data directory."""
    return _lasting(url, _UNMOVABLE).open_target(url, data_dir)


def _lasting(url: str, otherwise: str) -> ModuleType:
    """An engine that keeps its ledger."""
    module = importlib.import_module(_engine(url))
    if not hasattr(module, "open_source"):
        raise UsageError(f"'{url.partition(':')[0]}://' keeps nothing: {otherwise}")
    return module


_UNMOVABLE = "no ledger can be moved from there, or to it"


def _engine(url: str) -> str:
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme not in engines():
        raise UsageError(f"'{scheme}://' is no storage engine; CCLEDGER_DATABASE_URL takes {', '.join(engines())}")
    return f"ccledger.ledger.engines.{scheme}"
