"""`ccledger demo`: serves a made-up history from a place of its own; it never touches your data or your history."""

import signal
import threading
from argparse import ArgumentTypeError, Namespace
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from ccledger.cli.output import note
from ccledger.cli.parser import Command, Parser
from ccledger.cli.serve import announcer
from ccledger.core.errors import UsageError

if TYPE_CHECKING:
    from ccledger.app import Surroundings
    from ccledger.cli.made_up import Conversation
    from ccledger.settings import Settings

_KEPT_VARIABLES = ("CCLEDGER_HOST", "CCLEDGER_PORT", "CCLEDGER_TIMEZONE", "CCLEDGER_LOG_LEVEL", "TZ")
"""What the demo hears from the environment: nothing that says where data is."""
_LEAST_PAUSE, _LONGEST_PAUSE = 1.5, 6.0


def _declare(parser: Parser) -> None:
    parser.value("--port", metavar="NUMBER", text="Listen on this port (default 51888, 0: any free one).")
    parser.flag("--no-browser", text="Do not open the dashboard in a browser.")
    parser.value("--seed", metavar="NUMBER", read=_a_seed, default=1, text="Make up another history (default 1).")
    parser.value("--keep", metavar="DIR", text="Keep the history and its ledger in this new directory.")


def _a_seed(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise ArgumentTypeError(f"takes a whole number, not '{text}'")
    return int(text)


def _demo(flags: Namespace) -> None:
    from ccledger import app
    from ccledger.settings import in_force

    with ExitStack() as stack:
        stack.enter_context(_ended_like_ctrl_c())
        place = _new_directory(flags.keep) if flags.keep else stack.enter_context(_throw_away())
        settings, surroundings = _settings(place, flags.port)
        running = _make_up(place / "claude", flags.seed, settings, surroundings)
        if flags.keep:
            note(f"kept: CLAUDE_CONFIG_DIR={place}/claude CCLEDGER_DATA_DIR={place}/data ccledger serve shows it again")
        stack.enter_context(_going_on(running))
        told = in_force(settings, surroundings.environment, surroundings.home)
        app.serve(settings, surroundings, announcer(settings.data_dir, browser=not flags.no_browser), told)


def _settings(place: Path, port: str | None) -> "tuple[Settings, Surroundings]":
    """Settings that know the demo's own directories, and no other."""
    from ccledger.app import Surroundings
    from ccledger.settings import read_settings

    here = Surroundings.here().environment
    environment: Mapping[str, str] = {name: here[name] for name in _KEPT_VARIABLES if name in here}
    flags = {"data_dir": str(place / "data"), "claude_dirs": [str(place / "claude")], "port": port}
    return read_settings(environment, place, flags), Surroundings(environment, place)


def _make_up(root: Path, seed: int, settings: "Settings", surroundings: "Surroundings") -> "Conversation":
    from ccledger import app
    from ccledger.cli.made_up import Maker, newest_priced
    from ccledger.core.periods import moment, zone

    tz = zone(app.zone_name(settings, surroundings))
    model_at = newest_priced(app.price_book())
    return Maker(root, seed=seed, now=moment(app.clock()), tz=tz, model_at=model_at).write()


def _new_directory(name: str) -> Path:
    place = Path(name).absolute()
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        used = any(place.iterdir())
    except OSError as error:
        raise UsageError(f"--keep {name} can't be used ({error.strerror}); name a new directory") from None
    if used:
        raise UsageError(f"--keep {name} is not empty; name a new directory")
    return place


@contextmanager
def _throw_away() -> Generator[Path]:
    """A directory that is gone afterwards."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="ccledger-demo-") as name:
        yield Path(name)


@contextmanager
def _ended_like_ctrl_c() -> Generator[None]:
    """Until the server listens to signals itself, being told to end leaves nothing behind either."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _going_on(running: "Conversation") -> Generator[None]:
    """Meanwhile the running session goes on, a call every few seconds."""
    ended = threading.Event()
    worker = threading.Thread(target=_go_on, args=(running, ended), name="demo", daemon=True)
    worker.start()
    try:
        yield
    finally:
        ended.set()
        worker.join()


def _go_on(running: "Conversation", ended: threading.Event) -> None:
    from random import uniform

    from ccledger import app
    from ccledger.cli.made_up import go_on
    from ccledger.core.periods import moment

    while not ended.wait(uniform(_LEAST_PAUSE, _LONGEST_PAUSE)):  # noqa: S311 - a pause is no secret
        go_on(running, moment(app.clock()))


DEMO = Command(_declare, _demo)
