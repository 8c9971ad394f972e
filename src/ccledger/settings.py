"""Every setting as one frozen value, read once from flags, environment and file; it never changes afterwards."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from ccledger.core.errors import UsageError

DEFAULT_PORT: Final = 51888


@dataclass(frozen=True, slots=True)
class Settings:
    """What the program was told. Each field can be set in `ccledger.toml` under its name."""

    data_dir: Path
    """Where the ledger, its lock and its socket live (`CCLEDGER_DATA_DIR`)."""
    database_url: str
    """Where the calls are kept (`CCLEDGER_DATABASE_URL`): `sqlite:///PATH` or `memory://`."""
    host: str = "127.0.0.1"
    """The address the server listens on (`CCLEDGER_HOST`)."""
    port: int = DEFAULT_PORT
    """The port the server listens on (`CCLEDGER_PORT`); 0 takes any free one."""
    timezone: str = ""
    """IANA name of the zone whose days are counted (`CCLEDGER_TIMEZONE`, `TZ`); empty means the system's."""
    claude_dirs: tuple[str, ...] = ()
    """Claude directories to read instead of the usual ones (`--claude-dir`)."""
    billing: str = ""
    """`api` or `subscription` for all Claude directories (`CCLEDGER_BILLING`); empty means: find out."""
    file_watch: bool = True
    """Whether to wait for file events (`FILE_WATCH_ENABLED`); without, files are looked at every second."""
    log_level: str = "WARNING"
    """How much the server logs (`CCLEDGER_LOG_LEVEL`, `LOG_LEVEL`)."""


_ENVIRONMENT: Final = {
    "data_dir": ("CCLEDGER_DATA_DIR",),
    "database_url": ("CCLEDGER_DATABASE_URL",),
    "host": ("CCLEDGER_HOST",),
    "port": ("CCLEDGER_PORT",),
    "timezone": ("CCLEDGER_TIMEZONE",),
    "billing": ("CCLEDGER_BILLING",),
    "file_watch": ("CCLEDGER_FILE_WATCH", "FILE_WATCH_ENABLED"),
    "log_level": ("CCLEDGER_LOG_LEVEL", "LOG_LEVEL"),
}
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def read_settings(environment: Mapping[str, str], home: Path, flags: Mapping[str, object] | None = None) -> Settings:
    """The settings in force: flags over environment over `ccledger.toml` over defaults.

    Raises `UsageError` for a value that makes no sense, naming where it came from.
    """
    values: dict[str, Any] = dict(_from_file(environment, home))
    for name, variables in _ENVIRONMENT.items():
        for variable in variables:
            if environment.get(variable):
                values[name] = environment[variable]
                break
    values.update({name: value for name, value in (flags or {}).items() if value not in (None, ())})
    return _checked(values, environment, home)


def _from_file(environment: Mapping[str, str], home: Path) -> Mapping[str, Any]:
    named = environment.get("CCLEDGER_CONFIG")
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    path = Path(named) if named else config / "ccledger" / "ccledger.toml"
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if named:
            raise UsageError(f"CCLEDGER_CONFIG names {path}, which does not exist") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}") from None
    unknown = sorted(set(data) - {field.name for field in fields(Settings)})
    if unknown:
        raise UsageError(f"{path} has a setting nobody knows: {', '.join(unknown)}")
    return data


def _checked(values: Mapping[str, Any], environment: Mapping[str, str], home: Path) -> Settings:
    data_dir = Path(values.get("data_dir") or _default_data_dir(environment, home)).expanduser().absolute()
    host = str(values.get("host") or "127.0.0.1")
    if host not in _LOOPBACK:
        raise UsageError(f"'{host}' would open the ledger to the network; only 127.0.0.1 and ::1 are served so far")
    return Settings(
        data_dir=data_dir,
        database_url=str(values.get("database_url") or _database_url(environment, data_dir)),
        host=host,
        port=_port(values.get("port", DEFAULT_PORT)),
        timezone=str(values.get("timezone", "")),
        claude_dirs=tuple(values.get("claude_dirs", ())),
        billing=_one_of("billing", str(values.get("billing", "")), ("", "api", "subscription")),
        file_watch=_switch("file_watch", values.get("file_watch", True)),
        log_level=_one_of("log_level", str(values.get("log_level", "WARNING")).upper(), _LEVELS),
    )


def _default_data_dir(environment: Mapping[str, str], home: Path) -> Path:
    return Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "ccledger"


def _database_url(environment: Mapping[str, str], data_dir: Path) -> str:
    path = environment.get("DATABASE_PATH")
    return f"sqlite:///{Path(path).absolute() if path else data_dir / 'ledger.db'}"


def _port(value: object) -> int:
    try:
        port = int(str(value))
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise UsageError(f"'{value}' is not a port; CCLEDGER_PORT takes a number from 0 to 65535")
    return port


def _one_of(name: str, value: str, accepted: tuple[str, ...]) -> str:
    if value not in accepted:
        raise UsageError(f"'{value}' is no {name}; accepted: {', '.join(filter(None, accepted))}")
    return value


def _switch(name: str, value: object) -> bool:
    text = str(value).strip().lower()
    if text in ("1", "true", "yes", "on"):
        return True
    if text in ("0", "false", "no", "off"):
        return False
    raise UsageError(f"'{value}' is neither on nor off; {name} takes true or false")
