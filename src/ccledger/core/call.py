"""What a source knows of a call (a partial fact) and what the ledger keeps of it (a call); it never joins them."""

from enum import IntEnum, IntFlag
from typing import NamedTuple

from msgspec import Struct


class Source(IntEnum):
    """Who reports a call; the number is stored, so it never changes."""

    TRANSCRIPT = 1
    GATEWAY = 2
    RUNNER = 3


class Origin(IntEnum):
    """How a number came to be; a higher value is the better evidence."""

    UNKNOWN = 0
    ESTIMATED = 1
    MEASURED = 2


class Terms(IntFlag):
    """What changes the price of a call beside its model and size."""

    NONE = 0
    FAST = 1
    BATCH = 2
    US_ONLY = 4
    """The answer was computed in the US on request (`inference_geo`)."""


class Billing(IntEnum):
    """Whether the money is really spent (`api`) or covered by a flat subscription."""

    API = 0
    SUBSCRIPTION = 1


class Outcome(IntEnum):
    """How a call ended."""

    OK = 0
    ERROR = 1
    ABORTED = 2


class Failer(IntEnum):
    """Who made a call fail; the number is stored."""

    NOBODY = 0
    CLIENT = 1
    """It went away, or what it asked for made no sense."""
    GATEWAY = 2
    """We refused it, or could not carry it."""
    UPSTREAM = 3


class Usage(NamedTuple):
    """Token counts of a call, disjoint kinds: input excludes everything read from or written to the cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_read_tokens: int = 0
    web_searches: int = 0

    @property
    def prompt_tokens(self) -> int:
        """All input of the call, cache included: what a long-context threshold is compared with."""
        return self.input_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens + self.cache_read_tokens

    @property
    def total_tokens(self) -> int:
        """Every token of the call, cache included."""
        return self.prompt_tokens + self.output_tokens


class Reading(Struct, frozen=True, gc=False):
    """One source's whole measurement of a call: taken or left as a whole, never mixed with another."""

    model: str
    usage: Usage
    terms: int = 0
    """`Terms` bits."""
    origin: int = Origin.MEASURED
    complete: bool = True
    """False when the source knows that the final counts may never have been written."""
    sidechain: bool = False


class Timing(Struct, frozen=True, gc=False):
    """When a call ran and how it ended, as one source saw it."""

    source: int
    started_at: int
    """Milliseconds since 1970, UTC."""
    outcome: int = Outcome.OK
    status_code: int | None = None
    duration_ms: int | None = None
    first_token_ms: int | None = None


class Place(Struct, frozen=True, gc=False):
    """Where a call belongs: its session, project and branch, as one source knows them."""

    source: int
    session: str | None = None
    project: str | None = None
    """The working directory the session started in."""
    folder: str | None = None
    """The name of the directory that holds the project's transcripts."""
    branch: str | None = None
    agent: str | None = None
    """The sub-agent's id, None in the main conversation."""
    copied: bool = False
    """The line is an inherited copy: a fork or a replay of a call that belongs elsewhere."""
    billing: int = Billing.API


class Party(Struct, frozen=True, gc=False):
    """On whose behalf a call ran."""

    source: int
    access_token: str | None = None
    account: str | None = None
    user: str | None = None
    mode: str | None = None


class Exchange(Struct, frozen=True, gc=False):
    """What only the one knows who stood between client and upstream."""

    endpoint: str = "messages"
    """`messages`, `chat`, `batches` (one result of a batch), `count_tokens`, `models`, or the path of another endpoint
    as far as it names no object."""
    stream: bool = False
    failed_by: int = Failer.NOBODY
    error: str | None = None
    """Why it failed, in one line of at most 500 characters in which no secret is."""
    attempts: int = 1
    """How often it was sent upstream; 0 when it never was."""


class Fact(Struct, frozen=True, gc=False):
    """What one source knows of one call.

    `keys` are sorted; a key is `kind:value`. Facts that share a key are the same call, except that two facts which
    both carry identifying keys are not joined by a request id alone (see `merge.is_weak`).
    """

    keys: tuple[str, ...]
    timing: Timing
    reading: Reading | None = None
    place: Place | None = None
    placed_at: int = 0
    """When `place` was seen, milliseconds since 1970: of several copies the first is the original."""
    party: Party | None = None
    sources: int = 0
    """Bit `1 << source` for every source that contributed."""
    exchange: Exchange | None = None


class Cost(NamedTuple):
    """Money of a call by kind, each rounded once to nano-USD; the total is their sum."""

    input: int = 0
    output: int = 0
    cache_creation: int = 0
    cache_read: int = 0
    web_search: int = 0

    @property
    def total(self) -> int:
        """All kinds together."""
        return self.input + self.output + self.cache_creation + self.cache_read + self.web_search


class Call(Struct, frozen=True, gc=False):
    """A row of the ledger: everything known of one request to a model and its answer."""

    id: int
    fact: Fact
    cost: Cost | None
    """None when the model has no price at that time; never zero instead."""
