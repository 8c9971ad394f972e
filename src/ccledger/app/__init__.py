"""The composition root: builds every part and ties them together; the only file that knows everyone.

Parts are imported where they are built, so that a report pays for what it uses and nothing else.
"""

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from ccledger import __version__, core
from ccledger.core.errors import UsageError
from ccledger.ledger.store import Store, open_reader, open_store
from ccledger.settings import Settings, canonical_zone, is_loopback
from ccledger.sources.stats_cache import import_changed
from ccledger.sources.transcripts.position import fingerprint, is_unchanged
from ccledger.sources.transcripts.roots import Root, find_roots, list_files

if TYPE_CHECKING:
    from ccledger.access.accounts import AccountBook
    from ccledger.access.tokens import Tokens
    from ccledger.access.vault import Vault
    from ccledger.api.account_desk import AccountDesk
    from ccledger.api.doorkeeper import Door
    from ccledger.api.live import Live
    from ccledger.api.settings import SettingInForce
    from ccledger.api.system import Import, Transcripts
    from ccledger.core.ports import Sink
    from ccledger.core.prices import PriceBook
    from ccledger.ledger.cluster import Cluster
    from ccledger.ledger.writer import Writer
    from ccledger.settings import InForce
    from ccledger.sources.gateway.pool import Pool
    from ccledger.sources.transcripts.follow import Follower, ImportStatus
    from ccledger.sources.transcripts.roots import Found
    from ccledger.sources.transcripts.scan import Progress
    from ccledger.stats.pricing import Prices

SOCKET_NAME = "ccledger.sock"
_LOOK_SECONDS = 5.0
_PATIENCE_SECONDS = 3.0
"""How long a server waits for a report that holds the ledger before it says that it can't start."""


class Held(NamedTuple):
    """A ledger that this process may write."""

    store: Store
    cluster: "Cluster | None"
    """This node among others that may write it, too; None where there are none."""


class Surroundings(NamedTuple):
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

    return prices.read_book(_price_list().read_text("utf-8"))


def _price_list() -> Path:
    return Path(core.__file__).with_name("prices.toml")


def prices_of(store: Store) -> "Prices":
    """The prices in force: those that ship with the program and what was set in a ledger."""
    from ccledger.stats.pricing import Prices

    return Prices(store, cache(price_book))


def vault_of(store: Store, settings: Settings) -> "Vault":
    """What seals the secrets that a ledger holds. Raises `StoreError` when another node has sealed them otherwise."""
    from ccledger.access.accounts import is_sealing, refuse_other_key
    from ccledger.access.vault import open_vault
    from ccledger.ledger.cluster import Shared

    vault = open_vault(settings.data_dir, settings.master_key, partial(is_sealing, store))
    if isinstance(store, Shared):
        refuse_other_key(store, vault)
    return vault


def accounts_of(store: Store, vault: "Vault") -> "AccountBook":
    """The accounts of a ledger. Only whoever may write it can change them."""
    from ccledger.access.accounts import AccountBook

    return AccountBook(store, vault, clock, lambda: str(uuid4()))


def account_desk(accounts: "AccountBook", pool: "Pool | None" = None) -> "AccountDesk":
    """What is told of accounts and done with them on request. Without a `pool` nobody uses them at present."""
    from ccledger.api.account_desk import AccountDesk
    from ccledger.sources.gateway.errands import Errands
    from ccledger.sources.gateway.pool import Pool

    used = pool or Pool(accounts, clock)
    errands = Errands(accounts, clock, used.refuse)
    return AccountDesk(accounts, used.states, errands.check, errands.refresh)


def tokens_of(store: Store, settings: Settings) -> "Tokens":
    """The access tokens of a ledger. Only whoever may write it can change them."""
    from ccledger.access.keys import Signing
    from ccledger.access.tokens import Tokens

    signing = Signing(settings.jwt_secret) if settings.jwt_secret else None
    return Tokens(store, clock, os.urandom, signing)


def system_zone(surroundings: Surroundings) -> str:
    """The IANA name of the machine's time zone, UTC when it has none that is known."""
    for name in _zone_hints(surroundings):
        with suppress(UsageError):
            return canonical_zone(name.removeprefix("posix/").removeprefix("right/"))
    return "UTC"


def _zone_hints(surroundings: Surroundings) -> Iterator[str]:
    """What may name the machine's zone, the most telling first."""
    yield surroundings.environment.get("TZ", "").lstrip(":")
    with suppress(OSError):
        yield os.path.realpath("/etc/localtime").partition("zoneinfo/")[2]
    with suppress(OSError, ValueError):
        yield Path("/etc/timezone").read_text("utf-8").strip()


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
def writing(settings: Settings, surroundings: Surroundings, *, wait_seconds: float = 0) -> Generator[Store]:
    """The ledger, held to be written by this process. Raises `LedgerBusy` when another one holds it."""
    with holding(settings, surroundings, wait_seconds=wait_seconds) as held:
        yield held.store


@contextmanager
def holding(settings: Settings, surroundings: Surroundings, *, wait_seconds: float = 0) -> Generator[Held]:
    """The same, with the other nodes that may write it at the same time."""
    from ccledger.ledger.backups import Backups
    from ccledger.ledger.cluster import join
    from ccledger.ledger.lock import hold

    with hold(settings.data_dir, wait_seconds=wait_seconds):
        store = open_store(
            settings.database_url,
            lambda: price_book().overlaid(store.overrides()).cost,
            zone_name(settings, surroundings),
            Backups(settings.data_dir, clock) if settings.backup_before_migrating else None,
        )
        cluster = None
        try:
            cluster = join(store, settings.data_dir, __version__)
            store.list_shipped(fingerprint(_price_list().read_bytes()).hex(), lambda: price_book().models)
            if settings.timezone and store.zone() != settings.timezone:
                store.rebuild(settings.timezone)
            yield Held(store, cluster)
        finally:
            if cluster is not None:
                cluster.leave()
            store.close()


@contextmanager
def reading(settings: Settings, patience_ms: int = 10_000) -> Generator[Store]:
    """The ledger, only to be read; `patience_ms` is how long somebody else may keep it from that."""
    store = open_reader(settings.database_url, patience_ms)
    try:
        yield store
    finally:
        store.close()


def unread(kept: Mapping[str, bytes], settings: Settings, surroundings: Surroundings) -> "list[Found]":
    """The transcripts that have changed since the positions in `kept` were remembered."""
    roots = claude_roots(settings, surroundings)
    return [
        found for root in roots for found in list_files(root.path) if not is_unchanged(kept.get(found.path, b""), found)
    ]


def positions_of(store: Store, settings: Settings) -> dict[str, bytes]:
    """How far this machine's transcripts were read."""
    from ccledger.ledger.apart import own_positions

    return own_positions(store.positions(), prefix_of(store, settings))


def prefix_of(store: Store, settings: Settings) -> str:
    """How the names of this machine's positions begin; empty where nobody else keeps any.

    The same path on two machines is two files.
    """
    from ccledger.ledger.cluster import Shared, known_home

    return f"{known_home(settings.data_dir)}:" if isinstance(store, Shared) else ""


def transcripts_into(sink: "Sink", store: Store, settings: Settings) -> "Sink":
    """Where this machine's transcripts are handed in."""
    from ccledger.ledger.apart import Apart

    prefix = prefix_of(store, settings)
    return Apart(sink, prefix) if prefix else sink


def import_new(
    store: Store,
    settings: Settings,
    surroundings: Surroundings,
    report: "Callable[[Progress], None]",
    stopped: Callable[[], bool] = lambda: False,
) -> "Progress | None":
    """Books what is new in the transcripts; None when nothing is, which costs a look at each file's listing.

    Takes the days of Claude Code's own statistics, too, where their file changed. Ends early, with what it has read
    booked, once `stopped` says so.
    """
    take_cached_days(store, settings, claude_roots(settings, surroundings))
    kept = positions_of(store, settings)
    changed = unread(kept, settings, surroundings)
    progress = _import(store, settings, surroundings, kept, changed, report, stopped) if changed else None
    # What was not read yet would later be taken for calls that were removed.
    if settings.retention_days is not None and not stopped():
        from ccledger.ledger.retention import let_go

        let_go(store, _horizon(store, settings.retention_days), stopped)
    return progress


def _horizon(store: Store, keep_days: int) -> int:
    """When the calls begin that are kept."""
    from ccledger.core.periods import zone
    from ccledger.ledger.retention import horizon_of

    return horizon_of(clock(), zone(store.zone()), keep_days)


def _import(
    store: Store,
    settings: Settings,
    surroundings: Surroundings,
    kept: "MutableMapping[str, bytes]",
    changed: "list[Found]",
    report: "Callable[[Progress], None]",
    stopped: Callable[[], bool],
) -> "Progress":
    from ccledger.ledger.writer import Writer
    from ccledger.sources.transcripts.scan import Scan

    billing = {
        path: _billing_number(billing_of(settings, surroundings, path)) for path in {found.root for found in changed}
    }
    sink = transcripts_into(Writer(store, clock), store, settings)
    return Scan(sink, kept, billing, report, stopped).run(changed)


def take_cached_days(store: Store, settings: Settings, roots: Iterable[Root]) -> None:
    """Takes the days of Claude Code's own statistics from the directories where their file changed."""
    from ccledger.ledger.apart import ApartDays

    import_changed(
        [root.path for root in roots], ApartDays(store, prefix_of(store, settings)), clock, edition=__version__
    )


Announce = Callable[[str, Callable[[], str]], None]
"""Hears where the server answers, and what makes a code that signs in there once."""


def serve(settings: Settings, surroundings: Surroundings, announce: Announce, told: "Sequence[InForce]" = ()) -> None:
    """Runs the server until a signal ends it; `told` is for the Settings page."""
    from ccledger.api.app import Parts, create_app
    from ccledger.api.live import Live
    from ccledger.api.prices import PriceDesk
    from ccledger.api.server import address_of, listening, run
    from ccledger.app.gateway import gateway
    from ccledger.app.nodes import hear
    from ccledger.ledger.limits import kept_limits
    from ccledger.ledger.writer import Writer

    live = Live()
    with (
        holding(settings, surroundings, wait_seconds=_PATIENCE_SECONDS) as (store, cluster),
        listening(settings.host, settings.port, settings.data_dir / SOCKET_NAME) as sockets,
        _letting_go(store, settings, cluster) as all_booked,
    ):
        # Where others write, too, what is booked here is heard of like everything else, in its order.
        writer = Writer(store, clock, live.tell_batch if cluster is None else lambda _: None)
        follower, transcripts = _following(settings, surroundings, store, writer, live, all_booked)
        vault, tokens = vault_of(store, settings), tokens_of(store, settings)
        accounts = accounts_of(store, vault)
        hear(cluster, store, live, tokens, accounts)
        with gateway(settings, store, writer, tokens.keys, accounts, clock, cluster) as carried:
            parts = Parts(
                store=store,
                live=live,
                now=clock,
                zone_name=zone_name(settings, surroundings),
                version=__version__,
                transcripts=transcripts,
                limits=partial(kept_limits, settings.data_dir),
                prices=PriceDesk(prices_of(store), writer),
                settings=lambda: list(map(_describe_setting, told)),
                tokens=tokens,
                accounts=account_desk(accounts, carried.pool),
                web_folder=Path(__file__).parent.parent / "_web",
                door=_door(settings, address_of(sockets[0]), vault),
            )
            served, invite = carried.front(create_app(parts)), parts.door.signin.invite
            follower.start()
            try:
                run(served, sockets, lambda at: announce(at, invite), follower.stop, settings.log_level)
            finally:
                follower.stop()


def _following(
    settings: Settings,
    surroundings: Surroundings,
    store: Store,
    writer: "Writer",
    live: "Live",
    all_booked: Callable[[], None],
) -> "tuple[Follower, Transcripts]":
    """Who reads the transcripts while the server runs, not started yet, and what is told of that."""
    from ccledger.api.system import Transcripts
    from ccledger.sources.transcripts.follow import Follower

    roots = partial(claude_roots, settings, surroundings)
    places = _briefly(lambda: {root: billing_of(settings, surroundings, root.path) for root in roots()})
    pace = _Pace(live)

    def report(status: "ImportStatus") -> None:
        if status.state == "following":
            all_booked()
        pace.tell(lambda: _describe_import(status, places()), final=status.state != "importing")

    follower = Follower(
        roots,
        partial(_billing_at, settings, surroundings, places),
        transcripts_into(writer, store, settings),
        clock,
        report,
        watch=settings.file_watch,
        beside=partial(take_cached_days, store, settings),
    )
    told = Transcripts(
        lambda: _describe_import(follower.status, places()), lambda: _whole_billing(places()), follower.sync
    )
    return follower, told


def _billing_at(
    settings: Settings, surroundings: Surroundings, places: "Callable[[], Mapping[Root, str]]", path: str
) -> int:
    """How calls of a Claude directory are paid for, by what is known of it already."""
    known = {root.path: kind for root, kind in places().items()}
    return _billing_number(known.get(path) or billing_of(settings, surroundings, path))


def _door(settings: Settings, address: str, vault: "Vault") -> "Door":
    """Who may come in, and how they show it."""
    import secrets

    from ccledger.access.signed_out import FILE_NAME, SignedOut
    from ccledger.access.signin import Secrets, SignIn
    from ccledger.api.doorkeeper import Door

    own = Secrets(settings.admin_key, settings.admin_password_hash)
    ended = SignedOut(settings.data_dir / FILE_NAME)
    signin = SignIn(own, vault.key_for, clock, secrets.token_bytes, ended)
    names = (f"[{settings.host}]" if ":" in settings.host else settings.host.lower(), *settings.allowed_hosts)
    return Door(signin, is_loopback(settings.host), names, lambda: address)


@contextmanager
def _letting_go(store: Store, settings: Settings, cluster: "Cluster | None") -> Generator[Callable[[], None]]:
    """Removes old calls meanwhile, if they are to be removed, from the moment on at which what this yields is called:
    when all transcripts are booked.
    """
    keep_days = settings.retention_days
    if keep_days is None:
        yield lambda: None
        return
    from ccledger.ledger.retention import Retention

    alone = partial(nullcontext, True) if cluster is None else partial(cluster.alone, "retention")
    retention = Retention(store, lambda: _horizon(store, keep_days), alone)
    retention.start()
    try:
        yield retention.begin
    finally:
        retention.stop()


def _describe_import(status: "ImportStatus", places: "Mapping[Root, str]") -> "Import":
    from ccledger.api.system import ImportRoot, describe_import

    files = status.files or {}
    return describe_import(
        status, [ImportRoot(root.path, root.found, files.get(root.path, 0), kind) for root, kind in places.items()]
    )


def _describe_setting(held: "InForce") -> "SettingInForce":
    from ccledger.api.settings import SettingInForce

    setting = held.setting
    return SettingInForce(
        name=setting.name,
        value=held.value,
        origin=held.origin or None,
        default=setting.default.replace("`", ""),
        meaning=setting.meaning.replace("`", ""),
        ways=[way for way in (setting.flag, *setting.variables) if way],
    )


def _briefly(look: "Callable[[], dict[Root, str]]") -> "Callable[[], dict[Root, str]]":
    """Looks at most every few seconds: pages ask all the time, and Claude's own settings can be megabytes long."""
    answer: dict[Root, str] = {}
    until = 0.0

    def look_again() -> dict[Root, str]:
        nonlocal answer, until
        if time.monotonic() >= until:
            answer = look()
            until = time.monotonic() + _LOOK_SECONDS
        return answer

    return look_again


def _whole_billing(places: "Mapping[Root, str]") -> str:
    """How all Claude directories that exist are paid for, in one word."""
    kinds = {kind for root, kind in places.items() if root.found}
    if not kinds:
        return "unknown"
    return kinds.pop() if len(kinds) == 1 else "mixed"


class _Pace:
    """Tells clients about a running import at most ten times a second."""

    def __init__(self, live: "Live") -> None:
        self._live = live
        self._told = 0.0

    def tell(self, describe: "Callable[[], Import]", *, final: bool) -> None:
        now = time.monotonic()
        if final or now - self._told >= 0.1:
            self._told = now
            from ccledger.api.live import ImportProgress
            from ccledger.core.periods import iso

            self._live.tell(ImportProgress(iso(clock()), describe()))
