"""The list of all settings: how each is called in every place and what it means, for people; it reads nothing."""

from typing import Final, NamedTuple

DEFAULT_PORT: Final = 51888


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
    is_secret: bool = False
    """Its value is shown to nobody."""


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
        "spool_dir",
        ("CCLEDGER_SPOOL_DIR",),
        "",
        "a directory",
        "`spool` in the data directory",
        "Where several nodes of one PostgreSQL ledger keep the calls that are not booked yet, each in a folder of its "
        "own: one that finds the folder of a dead node books what is in it. With SQLite it does nothing.",
    ),
    Setting(
        "backup_before_migrating",
        ("CCLEDGER_BACKUP_BEFORE_MIGRATING",),
        "",
        "`true` or `false`",
        "`true`",
        "Whether a copy of the ledger is made before a new version changes its schema. A SQLite ledger is copied "
        "beside its file, one in PostgreSQL with `pg_dump` into the data directory; the newest two copies are kept.",
    ),
    Setting(
        "host",
        ("CCLEDGER_HOST",),
        "--host",
        "an address",
        "`127.0.0.1`",
        "The address the server listens on. Any that is not this machine's own (`127.0.0.1`, `::1`, `localhost`) opens "
        "the server to the network and needs `admin_password_hash` or an `admin_key` of 16 "
        "characters or more.",
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
    Setting(
        "allowed_hosts",
        ("CCLEDGER_ALLOWED_HOSTS",),
        "",
        "names, without a port",
        "none",
        "Names and addresses under which the server may be called beside `localhost` and the address it listens on: "
        "a proxy's, say. In the environment they are separated by commas, in the file they are a list.",
    ),
    Setting(
        "admin_key",
        ("CCLEDGER_ADMIN_KEY",),
        "",
        "printable ASCII characters",
        "none",
        "The administrator's key, sent by programs as `X-Admin-Key`.",
        is_secret=True,
    ),
    Setting(
        "admin_password_hash",
        ("CCLEDGER_ADMIN_PASSWORD_HASH", "MONITOR_PASSWORD_HASH"),
        "",
        "what `ccledger password` prints, or the SHA-256 of the password in 64 hexadecimal digits",
        "none",
        "The administrator's password, hashed. `ccledger password` makes Argon2; a bare SHA-256 is accepted "
        "and much easier to guess.",
        is_secret=True,
    ),
    Setting(
        "jwt_secret",
        ("CCLEDGER_JWT_SECRET",),
        "",
        "at least 32 printable ASCII characters",
        "none",
        "With it access tokens in the form of a JWT (HS256) are accepted, too, as the original ccproxy issued them.",
        is_secret=True,
    ),
    Setting(
        "master_key",
        ("CCLEDGER_MASTER_KEY",),
        "",
        "printable ASCII characters",
        "a file in the data directory that only you can read",
        "The key that seals the credentials of accounts and signs sessions.",
        is_secret=True,
    ),
    Setting(
        "upstream_timeout",
        ("CCLEDGER_UPSTREAM_TIMEOUT",),
        "",
        "seconds from 1",
        "`600`",
        "How long the gateway waits for the first byte of an answer.",
    ),
    Setting(
        "upstream_idle_timeout",
        ("CCLEDGER_UPSTREAM_IDLE_TIMEOUT",),
        "",
        "seconds from 1",
        "`300`",
        "How long an answer that has begun may stay silent. However long it takes as a whole, it is never cut off.",
    ),
    Setting(
        "largest_body",
        ("CCLEDGER_LARGEST_BODY",),
        "",
        "a size such as `32MB`",
        "`32MB`",
        "The largest request that the gateway takes for messages, as Anthropic's API does.",
    ),
    Setting(
        "web_mode",
        ("CCLEDGER_WEB_MODE",),
        "",
        "`true` or `false`",
        "`false`",
        "Whether calls may go to a claude.ai-style session backend by a session key. Read its terms of service before.",
    ),
    Setting(
        "gateway_health_checks",
        ("CCLEDGER_GATEWAY_HEALTH_CHECKS",),
        "",
        "`true` or `false`",
        "`false`",
        "Whether accounts are checked from time to time with calls of their own. Real calls tell the same for nothing.",
    ),
    Setting(
        "logging",
        (),
        "",
        "a table with `enabled`, `buffer_size`, `workers` and `batch_size`",
        "nothing",
        "The specification's settings of a queue for the request log. The spool has replaced it: every call is written "
        "down before its answer ends. They are accepted; `ccledger doctor` says what holds instead.",
    ),
    Setting(
        "conversations",
        (),
        "",
        "a table with `enabled` and `compress_after_days`",
        "nothing",
        "The specification's settings of recorded conversations; `ccledger doctor` says what holds.",
    ),
    Setting(
        "stats",
        (),
        "",
        "a table with `aggregation_enabled` and `aggregation_interval`",
        "nothing",
        "The specification's settings of sums. They are kept with every call here; `ccledger doctor` says so.",
    ),
)
"""Every setting, in the order of the reference page."""
