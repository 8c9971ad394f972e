"""Every setting as one frozen value, read once from flags, environment and file; it never changes afterwards."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, cast

from ccledger.core.errors import UsageError
from ccledger.core.periods import zone
from ccledger.settings import values
from ccledger.settings.listed import DEFAULT_PORT, SETTINGS, Setting
from ccledger.settings.values import Conversations, Logging, Stats

__all__ = [
    "DEFAULT_PORT",
    "SETTINGS",
    "SHORTEST_KEY",
    "InForce",
    "Setting",
    "Settings",
    "canonical_zone",
    "config_file",
    "in_force",
    "is_loopback",
    "read_settings",
]

_Value = TypeVar("_Value")

FILE_NAME: Final = "ccledger.toml"
SHORTEST_KEY: Final = 16
"""Characters of an admin key that nobody guesses: nothing else stops who tries them all."""


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
    allowed_hosts: tuple[str, ...] = ()
    admin_key: str = ""
    """Empty: there is none; so are the three below."""
    admin_password_hash: str = ""
    """Argon2 in its usual form, or the SHA-256 in hexadecimal digits."""
    jwt_secret: str = ""
    master_key: str = ""
    upstream_timeout: int = 600
    """Seconds until the first byte."""
    upstream_idle_timeout: int = 300
    """Seconds between two bytes."""
    largest_body: int = 32 << 20
    """Bytes."""
    web_mode: bool = False
    gateway_health_checks: bool = False
    logging: Logging = Logging()
    conversations: Conversations = Conversations()
    stats: Stats = Stats()
    spool_dir: Path | None = None
    """Where nodes that share one keep their spools; None: in the data directory."""
    backup_before_migrating: bool = True

    def __repr__(self) -> str:
        told = (f"{name}={'…' if name in _SECRET and value else repr(value)}" for name, value in self._asdict().items())
        return f"Settings({', '.join(told)})"

    @property
    def has_administrator(self) -> bool:
        """Whether somebody can sign in who is not on this machine."""
        return bool(self.admin_key or self.admin_password_hash)


class Given(NamedTuple):
    """A value as somebody wrote it, and where, so that a complaint can say which one is meant."""

    value: Any
    origin: str


_BILLING: Final = ("api", "subscription")
_PASSWORD: Final = re.compile(r"(?<=://)[^/]*@|(?<=[?&])(?:user|(?:ssl)?password)=[^&#]*&?")
"""Who signs in to a database, and with what: both are nobody else's business."""
_SECRET: Final = frozenset(setting.name for setting in SETTINGS if setting.is_secret)
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_UTC: Final = frozenset(
    f"{area}{name}" for area in ("", "ETC/") for name in ("UTC", "UCT", "GMT", "ZULU", "UNIVERSAL", "GREENWICH")
)


def read_settings(environment: Mapping[str, str], home: Path, flags: Mapping[str, object] | None = None) -> Settings:
    """The settings in force: flags over environment over `ccledger.toml` over defaults.

    Raises `UsageError` for a value that makes no sense, naming where it came from.
    """
    given = _given(environment, home, flags or {})
    read = partial(_read, given)
    data_dir: Path = read("data_dir", lambda value: _path(value, home), _default_data_dir(environment, home))
    settings = Settings(
        data_dir=data_dir,
        database_url=read("database_url", values.a_text, _database_url(environment, data_dir)),
        host=read("host", values.an_address, "127.0.0.1"),
        port=read("port", values.a_port, DEFAULT_PORT),
        timezone=read("timezone", lambda value: canonical_zone(values.a_text(value)), ""),
        claude_dirs=read("claude_dirs", values.texts, ()),
        billing=read("billing", lambda value: values.one_of(_BILLING, values.a_text(value)), ""),
        file_watch=read("file_watch", values.a_switch, True),
        log_level=read("log_level", lambda value: values.one_of(_LEVELS, values.a_text(value).upper()), "WARNING"),
        retention_days=read("retention_days", values.days, None),
        allowed_hosts=read("allowed_hosts", values.host_names, ()),
        admin_key=read("admin_key", values.a_secret, ""),
        admin_password_hash=read("admin_password_hash", values.a_password_hash, ""),
        jwt_secret=read("jwt_secret", values.a_secret, ""),
        master_key=read("master_key", values.a_secret, ""),
        upstream_timeout=read("upstream_timeout", values.seconds, 600),
        upstream_idle_timeout=read("upstream_idle_timeout", values.seconds, 300),
        largest_body=read("largest_body", values.a_size, 32 << 20),
        web_mode=read("web_mode", values.a_switch, False),
        gateway_health_checks=read("gateway_health_checks", values.a_switch, False),
        logging=read("logging", values.logging, Logging()),
        conversations=read("conversations", values.conversations, Conversations()),
        stats=read("stats", values.stats, Stats()),
        spool_dir=read("spool_dir", lambda value: _path(value, home), None),
        backup_before_migrating=read("backup_before_migrating", values.a_switch, True),
    )
    _refuse_open_door(settings, given)
    return settings


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is this machine's own."""
    if host in ("127.0.0.1", "::1", "localhost"):
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_open_door(settings: Settings, given: Mapping[str, Given]) -> None:
    if not is_loopback(settings.host) and not settings.has_administrator:
        raise UsageError(
            f"{given['host'].origin}: {settings.host} would open the ledger to the network, which needs sign-in; "
            "set CCLEDGER_ADMIN_PASSWORD_HASH ('ccledger password' makes one) or CCLEDGER_ADMIN_KEY, "
            "or listen on 127.0.0.1"
        )
    if not is_loopback(settings.host) and 0 < len(settings.admin_key) < SHORTEST_KEY:
        raise UsageError(
            f"{given['admin_key'].origin}: a key of fewer than {SHORTEST_KEY} characters would open the ledger to "
            "whoever guesses it; 'openssl rand -hex 32' makes one nobody guesses, or listen on 127.0.0.1"
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
    return [
        InForce(
            setting,
            _shown(setting, getattr(settings, setting.name)),
            given[setting.name].origin if setting.name in given else "",
        )
        for setting in SETTINGS
    ]


def _shown(setting: Setting, value: object) -> str:
    if setting.is_secret:
        return "set, not shown" if value else ""
    return _written(value)


def _written(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case Logging() | Conversations() | Stats():
            said = ((name, each) for name, each in value._asdict().items() if each is not None)
            return ", ".join(f"{name} = {_written(each)}" for name, each in said)
        case tuple():
            return ", ".join(map(str, cast("tuple[object, ...]", value)))
        case _:
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
        found = "; what is there is not shown" if name in _SECRET else f", not {value!r}"
        raise UsageError(f"{origin} takes {kind}{found}{error}") from None
    except UsageError as error:
        raise UsageError(f"{origin}: {error}") from None


def _path(value: object, home: Path) -> Path:
    return _expand(values.a_text(value), home)


def _expand(text: str, home: Path) -> Path:
    return (home / text[2:] if text.startswith("~/") or text == "~" else Path(text)).absolute()


def _default_data_dir(environment: Mapping[str, str], home: Path) -> Path:
    return Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "ccledger"


def _database_url(environment: Mapping[str, str], data_dir: Path) -> str:
    path = environment.get("DATABASE_PATH")
    return f"sqlite:///{Path(path).absolute() if path else data_dir / 'ledger.db'}"
