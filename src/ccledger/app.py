"""The composition root: builds every part and ties them together; the only file that knows everyone.

Parts are imported where they are built, so that a report pays for what it uses and nothing else.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccledger import __version__
from ccledger.core.errors import StoreError
from ccledger.ledger.store import Store, open_reader, open_store
from ccledger.settings import Settings
from ccledger.sources.transcripts.roots import Root, find_roots, list_files
from ccledger.sources.transcripts.scan import Progress, Scan

if TYPE_CHECKING:
    from ccledger.core.prices import PriceBook
    from ccledger.sources.transcripts.follow import ImportStatus

SOCKET_NAME = "ccledger.sock"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the program is told by the machine it runs on, once, at its edge."""

    environment: Mapping[str, str]
    home: Path

    @staticmethod
    def here() -> "Surroundings":
        """The environment and home directory of this process."""
        return Surroundings(dict(os.environ), Path(os.environ.get("HOME") or Path.home()))


def clock() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


def price_book() -> "PriceBook":
    """The prices that ship with the program."""
    from ccledger.core import prices

    return prices.read_book(Path(prices.__file__).with_name("prices.toml").read_text("utf-8"))


def system_zone(surroundings: Surroundings) -> str:
    """The IANA name of the machine's time zone, UTC when it has none that is known."""
    from zoneinfo import available_timezones

    named = surroundings.environment.get("TZ", "").lstrip(":")
    if not named:
        with suppress(OSError):
            named = os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    if not named:
        with suppress(OSError):
            named = Path("/etc/timezone").read_text("utf-8").strip()
    return named if named and (named == "UTC" or named in available_timezones()) else "UTC"


def zone_name(settings: Settings, surroundings: Surroundings) -> str:
    """The time zone whose days the user means."""
    return settings.timezone or system_zone(surroundings)


def claude_roots(settings: Settings, surroundings: Surroundings) -> list[Root]:
    """The Claude directories to read."""
    return find_roots(surroundings.environment, surroundings.home, settings.claude_dirs)


def billing_of(settings: Settings, surroundings: Surroundings, root: str) -> str:
    """`api`, `subscription` or `unknown` for a Claude directory."""
    from ccledger.sources.transcripts.billing import detect_billing

    return settings.billing or detect_billing(root, surroundings.home)


def _billing_number(name: str) -> int:
    return 1 if name == "subscription" else 0


@contextmanager
def writing(settings: Settings, surroundings: Surroundings, *, wait_seconds: float = 0) -> Iterator[Store]:
    """The ledger, held to be written by this process. Raises `LedgerBusy` when another one holds it."""
    from ccledger.ledger.lock import hold

    with hold(settings.data_dir, wait_seconds=wait_seconds):
        store = open_store(settings.database_url, lambda: price_book().cost, zone_name(settings, surroundings))
        try:
            if settings.timezone and store.zone() != settings.timezone:
                store.rebuild(settings.timezone)
            yield store
        finally:
            store.close()


@contextmanager
def reading(settings: Settings) -> Iterator[Store]:
    """The ledger, only to be read."""
    store = open_reader(settings.database_url)
    try:
        yield store
    finally:
        store.close()


def import_new(
    store: Store, settings: Settings, surroundings: Surroundings, report: Callable[[Progress], None]
) -> Progress:
    """Books what is new in the transcripts."""
    from ccledger.ledger.writer import Writer

    sink = Writer(store, clock)
    roots = claude_roots(settings, surroundings)
    billing = {root.path: _billing_number(billing_of(settings, surroundings, root.path)) for root in roots}
    files = (found for root in roots for found in list_files(root.path))
    return Scan(sink, sink.positions(), billing, report).run(files)


def serve(settings: Settings, surroundings: Surroundings, announce: Callable[[str], None]) -> None:
    """Runs the server until a signal ends it: import, live pages, API. `announce` hears its address."""
    from ccledger.api.app import create_app
    from ccledger.api.live import Live
    from ccledger.api.server import run
    from ccledger.api.system import describe_import
    from ccledger.ledger.writer import Writer
    from ccledger.sources.transcripts.follow import Follower

    live = Live()
    with writing(settings, surroundings) as store:

        def roots() -> list[Root]:
            return claude_roots(settings, surroundings)

        def billing(root: str) -> int:
            return _billing_number(billing_of(settings, surroundings, root))

        def describe(status: "ImportStatus") -> dict[str, Any]:
            return describe_import(status, [_describe_root(root, status) for root in roots()])

        def _describe_root(root: Root, status: "ImportStatus") -> dict[str, Any]:
            return {
                "path": root.path,
                "found": root.found,
                "files": (status.files or {}).get(root.path, 0),
                "billing": billing_of(settings, surroundings, root.path),
            }

        def report(status: "ImportStatus") -> None:
            pace.tell(describe(status), final=status.state != "importing")

        pace = _Pace(live)
        follower = Follower(
            roots, billing, Writer(store, clock, live.tell_batch), clock, report, watch=settings.file_watch
        )
        app = create_app(
            store=store,
            live=live,
            now=clock,
            zone_name=zone_name(settings, surroundings),
            version=__version__,
            importing=lambda: describe(follower.status),
            billing=lambda: _whole_billing(settings, surroundings, roots()),
            sync=follower.sync,
            web_folder=Path(__file__).parent / "_web",
        )
        follower.start()
        try:
            run(app, settings.host, settings.port, settings.data_dir / SOCKET_NAME, announce, settings.log_level)
        finally:
            follower.stop()


def _whole_billing(settings: Settings, surroundings: Surroundings, roots: list[Root]) -> str:
    """How all Claude directories that exist are paid for, in one word."""
    kinds = {billing_of(settings, surroundings, root.path) for root in roots if root.found}
    if not kinds:
        return "unknown"
    return kinds.pop() if len(kinds) == 1 else "mixed"


class _Pace:
    """Tells clients about a running import at most ten times a second."""

    def __init__(self, live: Any) -> None:
        self._live = live
        self._told = 0.0

    def tell(self, state: dict[str, Any], *, final: bool) -> None:
        now = time.monotonic()
        if final or now - self._told >= 0.1:
            self._told = now
            from ccledger.core.periods import iso

            self._live.tell({"type": "import_progress", "timestamp": iso(clock()), "data": state})


def ask_server(settings: Settings, timeout: float = 600) -> bool:
    """Has a running server import what is new; False when none answers."""
    path = settings.data_dir / SOCKET_NAME
    if not path.exists():
        return False
    import http.client
    import socket

    connection = http.client.HTTPConnection("localhost", timeout=timeout)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout)
        connection.sock.connect(str(path))
        connection.request("POST", "/api/control/import", headers={"content-length": "0"})
        answer = connection.getresponse()
        answer.read()
    except (ConnectionError, FileNotFoundError):
        return False
    except OSError as error:
        raise StoreError(
            f"the running server does not answer ({error}); 'ccledger serve' may have to be restarted"
        ) from None
    finally:
        connection.close()
    return answer.status == 200
