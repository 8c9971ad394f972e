"""Every setting as one frozen value, read once from flags, environment and file; it never changes afterwards."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast

from ccledger.core.errors import UsageError
from ccledger.core.periods import zone

_Value = TypeVar("_Value")

DEFAULT_PORT: Final = 51888
FILE_NAME: Final = "ccledger.toml"


class Settings(NamedTuple):
    """What the program was told."""

    data_dir: Path
    database_url: str
    host: str
    port: int
    timezone: str
    """Empty: the machine's."""
    claude_dirs: tuple[str, ...]
    """Empty: the usual ones."""
    billing: str
    """Empty: find out."""
    file_watch: bool
    log_level: str
    retention_days: int | None = None
    """None: calls are kept for ever."""


class Given(NamedTuple):
    """A value as somebody wrote it, and where, so that a complaint can say which one is meant."""

    value: Any
    origin: str


class Setting(NamedTuple):
    """One setting: how it is called in each place, and what it means."""

    name: str
    """The field of `Settings`, and the name in `ccledger.toml`."""
    variables: tuple[str, ...]
    """Environment variables, the first one that is set counts."""
    flag: str
    kind: str
    """What it takes, for people."""
    default: str
    """What holds without it, for people."""
    meaning: str


SETTINGS: Final = (
    Setting(
        "data_dir",
        ("CCLEDGER_DATA_DIR",),
        "--data-dir",
        "a directory",
        "`$XDG_DATA_HOME/ccledger` or `~/.local/share/ccledger`",
        "Where the ledger, its lock and its socket live.",
    ),
    Setting(
        "database_url",
        ("CCLEDGER_DATABASE_URL",),
        "",
        "`sqlite:///PATH`",
        "`ledger.db` in the data directory",
        "Which engine keeps the calls, and where. `DATABASE_PATH` names a SQLite file without the address around it.",
    ),
    Setting(
        "host",
        ("CCLEDGER_HOST",),
        "--host",
        "`127.0.0.1`, `::1` or `localhost`",
        "`127.0.0.1`",
        "The address the server listens on.",
    ),
    Setting(
        "port",
        ("CCLEDGER_PORT",),
        "--port",
        "0 to 65535",
        f"`{DEFAULT_PORT}`",
        "The port the server listens on; 0 takes any free one.",
    ),
    Setting(
        "timezone",
        ("CCLEDGER_TIMEZONE",),
        "",
        "an IANA name",
        "the machine's zone (`TZ`, `/etc/localtime`, `/etc/timezone`)",
        "The zone whose days the ledger keeps; another one rebuilds its sums. "
        "A report's `--timezone` changes that report only.",
    ),
    Setting(
        "claude_dirs",
        (),
        "--claude-dir",
        "directories",
        "`$CLAUDE_CONFIG_DIR`, else `~/.claude`, `~/.config/claude` and those of Claude Desktop",
        "The Claude directories to read. On the command line the flag is repeated, in the file it is a list.",
    ),
    Setting(
        "billing",
        ("CCLEDGER_BILLING",),
        "",
        "`api` or `subscription`",
        "found out for each Claude directory",
        "Whether the money is really spent, or what the calls would have cost.",
    ),
    Setting(
        "file_watch",
        ("CCLEDGER_FILE_WATCH", "FILE_WATCH_ENABLED"),
        "",
        "`true` or `false`",
        "`true`",
        "Whether the server waits for file events. Without, it looks at the files every second.",
    ),
    Setting(
        "log_level",
        ("CCLEDGER_LOG_LEVEL", "LOG_LEVEL"),
        "",
        "`DEBUG`, `INFO`, `WARNING`, `ERROR` or `CRITICAL`",
        "`WARNING`",
        "How much the server says on standard error. `DEBUG` also shows where a command failed.",
    ),
    Setting(
        "retention_days",
        ("CCLEDGER_RETENTION_DAYS",),
        "",
        "a whole number from 1",
        "calls are kept for ever",
        "For how many days before today single calls are kept. Older ones are removed once they are booked; sums by "
        "day, model, project and session stay for ever.",
    ),
)
"""Every setting, in the order of the reference page."""

_MOST_DAYS: Final = 36_500
_BILLING: Final = ("api", "subscription")
_PASSWORD: Final = re.compile(r"(?<=://)[^/@]*@")
"""Who signs in to a database, and with what: both are nobody else's business."""
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_UTC: Final = frozenset(
    f"{area}{name}" for area in ("", "ETC/") for name in ("UTC", "UCT", "GMT", "ZULU", "UNIVERSAL", "GREENWICH")
)


def read_settings(environment: Mapping[str, str], home: Path, flags: Mapping[str, object] | None = None) -> Settings:
    """The settings in force: flags over environment over `ccledger.toml` over defaults.

    Raises `UsageError` for a value that makes no sense, naming where it came from.
    """
    given = _given(environment, home, flags or {})
    data_dir: Path = _read(given, "data_dir", lambda value: _path(value, home), _default_data_dir(environment, home))
    return Settings(
        data_dir=data_dir,
        database_url=_read(given, "database_url", _text, _database_url(environment, data_dir)),
        host=_read(given, "host", _loopback, _LOOPBACK[0]),
        port=_read(given, "port", _port, DEFAULT_PORT),
        timezone=_read(given, "timezone", lambda value: canonical_zone(_text(value)), ""),
        claude_dirs=_read(given, "claude_dirs", _texts, ()),
        billing=_read(given, "billing", lambda value: _one_of(_BILLING, _text(value)), ""),
        file_watch=_read(given, "file_watch", _switch, default=True),
        log_level=_read(given, "log_level", lambda value: _one_of(_LEVELS, _text(value).upper()), "WARNING"),
        retention_days=_read(given, "retention_days", _days, None),
    )


def _given(environment: Mapping[str, str], home: Path, flags: Mapping[str, object]) -> dict[str, Given]:
    given = dict(_from_file(environment, home))
    given.update(_from_environment(environment))
    given.update(_from_flags(flags))
    return given


class InForce(NamedTuple):
    """A setting as it holds now, to be shown to anybody: no secret is in it."""

    setting: Setting
    value: str
    """Empty: the default holds, and it depends on the machine."""
    origin: str
    """The flag, variable or file that says so; empty when nobody did."""


def in_force(
    settings: Settings, environment: Mapping[str, str], home: Path, flags: Mapping[str, object] | None = None
) -> list[InForce]:
    """Every setting with its value and where that comes from; the arguments are those of `read_settings`."""
    given = _given(environment, home, flags or {})
    values = settings._asdict()
    return [
        InForce(setting, _shown(values[setting.name]), given[setting.name].origin if setting.name in given else "")
        for setting in SETTINGS
    ]


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, cast("tuple[object, ...]", value)))
    return _PASSWORD.sub("", str(value))


def _from_flags(flags: Mapping[str, object]) -> Iterator[tuple[str, Given]]:
    for setting in SETTINGS:
        value = flags.get(setting.name)
        if value not in (None, (), []):
            yield setting.name, Given(value, setting.flag)


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    for setting in SETTINGS:
        variable = next((name for name in setting.variables if _is_meant(name, environment.get(name))), None)
        if variable is not None:
            yield setting.name, Given(environment[variable], variable)


def _is_meant(variable: str, value: str | None) -> bool:
    """Whether a variable speaks to us: `LOG_LEVEL` is other programs', too, and says what only they know."""
    return bool(value) and (variable != "LOG_LEVEL" or str(value).upper() in _LEVELS)


def _from_file(environment: Mapping[str, str], home: Path) -> Iterator[tuple[str, Given]]:
    named = environment.get("CCLEDGER_CONFIG")
    path = _expand(named, home) if named else config_file(environment, home)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        if named:
            raise UsageError(f"CCLEDGER_CONFIG names {path}, which does not exist") from None
        return
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    for name, value in _parse(text, path).items():
        yield name, Given(value, f"{name} in {path}")


def _parse(text: str, path: Path) -> Mapping[str, Any]:
    import tomllib

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}") from None
    known = [setting.name for setting in SETTINGS]
    unknown = sorted(set(data) - set(known))
    if unknown:
        raise UsageError(f"{path} has a setting nobody knows: {', '.join(unknown)}; there are {', '.join(known)}")
    return data


def config_file(environment: Mapping[str, str], home: Path) -> Path:
    """Where `ccledger.toml` is looked for when `CCLEDGER_CONFIG` names no other place."""
    return Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "ccledger" / FILE_NAME


def canonical_zone(name: str) -> str:
    """The name a zone is kept under: `UTC` for each of its names, any other as it is. Raises `UsageError`."""
    if name.upper() in _UTC:
        return "UTC"
    zone(name)
    return name


def _read(given: Mapping[str, Given], name: str, read: Callable[[Any], _Value], default: _Value) -> _Value:
    if name not in given:
        return default
    value, origin = given[name]
    try:
        return read(value)
    except ValueError as error:
        kind = next(setting.kind for setting in SETTINGS if setting.name == name).replace("`", "")
        raise UsageError(f"{origin} takes {kind}, not {value!r}{error}") from None
    except UsageError as error:
        raise UsageError(f"{origin}: {error}") from None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004 - to the reader of the file both are a wrong value
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError  # noqa: TRY004 - as _text
    return tuple(map(_text, cast("Iterable[object]", value)))


def _path(value: object, home: Path) -> Path:
    return _expand(_text(value), home)


def _expand(text: str, home: Path) -> Path:
    return (home / text[2:] if text.startswith("~/") or text == "~" else Path(text)).absolute()


def _default_data_dir(environment: Mapping[str, str], home: Path) -> Path:
    return Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "ccledger"


def _database_url(environment: Mapping[str, str], data_dir: Path) -> str:
    path = environment.get("DATABASE_PATH")
    return f"sqlite:///{Path(path).absolute() if path else data_dir / 'ledger.db'}"


def _loopback(value: object) -> str:
    host = _text(value)
    if host not in _LOOPBACK:
        raise ValueError("; any other address would open the ledger to the network, which needs sign-in")
    return host


def _port(value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal()) or int(text) > 65535:
        raise ValueError
    return int(text)


def _days(value: object) -> int | None:
    text = str(value)
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= _MOST_DAYS:
        raise ValueError
    return int(text)


def _one_of(accepted: tuple[str, ...], value: str) -> str:
    if value not in accepted:
        raise ValueError
    return value


def _switch(value: object) -> bool:
    text = str(value).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise ValueError
