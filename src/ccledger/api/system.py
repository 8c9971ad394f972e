"""Is it there, which version, what does the import do; and, for the command line alone, bring it up to date."""

import asyncio
from collections.abc import Callable
from typing import Any

from litestar import Request, get, post
from litestar.exceptions import NotFoundException
from msgspec import Struct

from ccledger.api.shield import is_local_socket
from ccledger.core.periods import iso
from ccledger.sources.transcripts.follow import ImportStatus

_SYNC_SECONDS = 600.0


class Health(Struct):
    """That the server answers, and whether its import is well."""

    status: str
    version: str


class Version(Struct):
    """The program's version."""

    version: str


def describe_import(status: ImportStatus, roots: list[dict[str, Any]]) -> dict[str, Any]:
    """The state of the import as the API tells it."""
    progress = status.progress
    return {
        "state": status.state,
        "files_done": progress.files_done,
        "files_total": progress.files_total,
        "bytes_done": progress.bytes_done,
        "bytes_total": progress.bytes_total,
        "calls": progress.facts,
        "started_at": iso(status.started_at),
        "finished_at": None if status.finished_at is None else iso(status.finished_at),
        "error": status.error,
        "roots": roots,
    }


def system_routes(version: str, importing: Callable[[], dict[str, Any]], sync: Callable[[float], bool]) -> list[Any]:
    """`health`, `version`, `import`, and the command line's own `control/import`."""

    @get("/health", sync_to_thread=False)
    def health() -> Health:
        """Whether the server answers and its import is well."""
        return Health("ok" if importing()["error"] is None else "degraded", version)

    @get("/version", sync_to_thread=False)
    def version_() -> Version:
        """The program's version."""
        return Version(version)

    @get("/import", sync_to_thread=False)
    def import_state() -> dict[str, Any]:
        """How far the import of transcripts is."""
        return importing()

    @post("/control/import", status_code=200, include_in_schema=False)
    async def import_now(request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Waits until everything that is on disk now is booked; only through the data directory's socket."""
        if not is_local_socket(request.scope):
            raise NotFoundException("there is nothing here")
        done = await asyncio.to_thread(sync, _SYNC_SECONDS)
        return {**importing(), "complete": done}

    return [health, version_, import_state, import_now]
