"""Is it there, which version, what does the import do; and, for the command line alone, bring it up to date."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from litestar import Request, get, post
from litestar.exceptions import NotFoundException, ServiceUnavailableException
from msgspec import Struct

from ccledger.api.guards import OPEN
from ccledger.api.shield import is_local_socket
from ccledger.core.periods import iso
from ccledger.stats.words import Moment, about

if TYPE_CHECKING:
    from ccledger.sources.transcripts.follow import ImportStatus

_SYNC_SECONDS = 600.0


class Health(Struct, frozen=True):
    """That the server answers, and whether its import is well."""

    status: Annotated[Literal["ok", "degraded"], about("Degraded: the import fails, `/api/v1/import` says why.")]
    version: str


class Version(Struct, frozen=True):
    """The program's version."""

    version: str


class ImportRoot(Struct, frozen=True):
    """A Claude directory that is read."""

    path: str
    found: Annotated[bool, about("Whether it exists and holds transcripts.")]
    files: Annotated[int, about("Transcripts in it.")]
    billing: Annotated[str, about("How it is paid for: api, subscription or unknown.")]


class Import(Struct, frozen=True):
    """How far the import of transcripts is."""

    state: Annotated[
        Literal["starting", "importing", "following", "failed"],
        about("Following: everything is booked, and what is added is booked within a second."),
    ]
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    calls: Annotated[int, about("Calls read so far, each as often as it was written.")]
    started_at: Moment
    finished_at: Moment | None
    error: Annotated[str | None, about("Why the last attempt failed; it is repeated.")]
    roots: list[ImportRoot]


class Transcripts(NamedTuple):
    """What the API asks of the import."""

    state: Callable[[], Import]
    billing: Callable[[], str]
    """How all Claude directories are paid for: `api`, `subscription`, `mixed` or `unknown`."""
    sync: Callable[[float], bool]
    """Waits, at most so many seconds, until all is booked that is on disk now, and says whether it is."""


def describe_import(status: "ImportStatus", roots: list[ImportRoot]) -> Import:
    """The state of the import as the API tells it."""
    progress = status.progress
    state: Any = status.state
    return Import(
        state=state,
        files_done=progress.files_done,
        files_total=progress.files_total,
        bytes_done=progress.bytes_done,
        bytes_total=progress.bytes_total,
        calls=progress.facts,
        started_at=iso(status.started_at),
        finished_at=None if status.finished_at is None else iso(status.finished_at),
        error=status.error,
        roots=roots,
    )


def health_route(version: str, transcripts: Transcripts) -> Any:
    """`health`, which is open to everybody; the original ccproxy has it at the top."""

    @get("/health", operation_id="getHealth", sync_to_thread=True, opt={OPEN: True})
    def health() -> Health:
        """Whether the server answers and its import is well."""
        return Health("ok" if transcripts.state().error is None else "degraded", version)

    return health


def system_routes(version: str, transcripts: Transcripts) -> list[Any]:
    """`health`, `version`, `import`, and the command line's own `control/import`."""

    @get("/version", operation_id="getVersion", sync_to_thread=False, opt={OPEN: True})
    def version_() -> Version:
        """The program's version."""
        return Version(version)

    @get("/import", operation_id="getImport", sync_to_thread=True)
    def import_state() -> Import:
        """How far the import of transcripts is."""
        return transcripts.state()

    @post("/control/import", status_code=200, include_in_schema=False)
    async def import_now(request: Request[Any, Any, Any]) -> Import:
        """Waits until everything that is on disk now is booked; only through the data directory's socket."""
        if not is_local_socket(request.scope):
            raise NotFoundException
        if not await asyncio.to_thread(transcripts.sync, _SYNC_SECONDS):
            raise ServiceUnavailableException("the server could not finish the import; ask again")
        return transcripts.state()

    return [health_route(version, transcripts), version_, import_state, import_now]
