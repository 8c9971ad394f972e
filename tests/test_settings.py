from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from argon2 import PasswordHasher, Type, extract_parameters
from hypothesis import given
from hypothesis import strategies as st

from ccledger.core.errors import UsageError
from ccledger.settings import SETTINGS, Settings, canonical_zone, config_file, in_force, is_loopback, read_settings
from ccledger.settings.values import Conversations, Logging, Stats

HOME = Path("/home/somebody")


def read(environment: Mapping[str, str] | None = None, **flags: object) -> Settings:
    return read_settings(environment or {}, HOME, flags)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ccledger.toml"


def read_file(file: Path, text: str, environment: Mapping[str, str] | None = None, **flags: object) -> Settings:
    file.write_text(text)
    return read({"CCLEDGER_CONFIG": str(file), **(environment or {})}, **flags)


def test_nothing_said_is_the_defaults() -> None:
    assert read() == Settings(
        data_dir=Path("/home/somebody/.local/share/ccledger"),
        database_url="sqlite:////home/somebody/.local/share/ccledger/ledger.db",
        host="127.0.0.1",
        port=51888,
        timezone="",
        claude_dirs=(),
        billing="",
        file_watch=True,
        log_level="WARNING",
    )


WHOLE = """
data_dir = "/file"
database_url = "sqlite:////file/other.db"
spool_dir = "/file/spools"
backup_before_migrating = false
host = "::1"
port = 1
timezone = "Asia/Tokyo"
claude_dirs = ["/one", "/two"]
billing = "api"
file_watch = false
log_level = "info"
retention_days = 90
allowed_hosts = ["Ledger.Example", "[::2]"]
admin_key = "key-of-the-file-0"
admin_password_hash = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g"
jwt_secret = "jwt-of-the-file"
master_key = "master-of-the-file"
upstream_timeout = 60
upstream_idle_timeout = 30
largest_body = "64MB"
web_mode = true
gateway_health_checks = true

[logging]
enabled = true
buffer_size = 10000
workers = 4
batch_size = 100

[conversations]
enabled = true
compress_after_days = 7

[stats]
aggregation_enabled = true
aggregation_interval = "24h"
"""


def test_everything_can_be_said_in_the_file(file: Path) -> None:
    assert {setting.name for setting in SETTINGS} == set(tomllib.loads(WHOLE)) == set(Settings._fields)
    assert read_file(file, WHOLE) == Settings(
        data_dir=Path("/file"),
        database_url="sqlite:////file/other.db",
        backup_before_migrating=False,
        host="::1",
        port=1,
        timezone="Asia/Tokyo",
        claude_dirs=("/one", "/two"),
        billing="api",
        file_watch=False,
        log_level="INFO",
        retention_days=90,
        allowed_hosts=("ledger.example", "[::2]"),
        admin_key="key-of-the-file-0",
        admin_password_hash="$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
        jwt_secret="jwt-of-the-file",
        master_key="master-of-the-file",
        upstream_timeout=60,
        upstream_idle_timeout=30,
        largest_body=64 << 20,
        web_mode=True,
        gateway_health_checks=True,
        logging=Logging(enabled=True, buffer_size=10_000, workers=4, batch_size=100),
        conversations=Conversations(enabled=True, compress_after_days=7),
        stats=Stats(aggregation_enabled=True, aggregation_interval="24h"),
        spool_dir=Path("/file/spools"),
    )


ENVIRONMENT = {
    "CCLEDGER_DATA_DIR": "/environment",
    "CCLEDGER_DATABASE_URL": "sqlite:////environment/other.db",
    "CCLEDGER_SPOOL_DIR": "/environment/spools",
    "CCLEDGER_BACKUP_BEFORE_MIGRATING": "true",
    "CCLEDGER_HOST": "localhost",
    "CCLEDGER_PORT": "2",
    "CCLEDGER_TIMEZONE": "Europe/Berlin",
    "CCLEDGER_BILLING": "subscription",
    "CCLEDGER_FILE_WATCH": "1",
    "CCLEDGER_LOG_LEVEL": "debug",
    "CCLEDGER_RETENTION_DAYS": "30",
    "CCLEDGER_ALLOWED_HOSTS": "one.example, TWO.example",
    "CCLEDGER_ADMIN_KEY": "key-of-the-environment",
    "CCLEDGER_ADMIN_PASSWORD_HASH": "ab" * 32,
    "CCLEDGER_JWT_SECRET": "jwt-of-the-environment",
    "CCLEDGER_MASTER_KEY": "master-of-the-environment",
    "CCLEDGER_UPSTREAM_TIMEOUT": "61",
    "CCLEDGER_UPSTREAM_IDLE_TIMEOUT": "31",
    "CCLEDGER_LARGEST_BODY": "1048576",
    "CCLEDGER_WEB_MODE": "off",
    "CCLEDGER_GATEWAY_HEALTH_CHECKS": "no",
}


def test_the_environment_comes_before_the_file(file: Path) -> None:
    assert {name for setting in SETTINGS for name in setting.variables[:1]} == set(ENVIRONMENT)
    in_the_file = read_file(file, WHOLE)
    assert read_file(file, WHOLE, ENVIRONMENT) == Settings(
        data_dir=Path("/environment"),
        database_url="sqlite:////environment/other.db",
        backup_before_migrating=True,
        host="localhost",
        port=2,
        timezone="Europe/Berlin",
        claude_dirs=("/one", "/two"),
        billing="subscription",
        file_watch=True,
        log_level="DEBUG",
        retention_days=30,
        allowed_hosts=("one.example", "two.example"),
        admin_key="key-of-the-environment",
        admin_password_hash="ab" * 32,
        jwt_secret="jwt-of-the-environment",
        master_key="master-of-the-environment",
        upstream_timeout=61,
        upstream_idle_timeout=31,
        largest_body=1 << 20,
        web_mode=False,
        gateway_health_checks=False,
        logging=in_the_file.logging,
        conversations=in_the_file.conversations,
        stats=in_the_file.stats,
        spool_dir=Path("/environment/spools"),
    )


def test_flags_come_before_everything(file: Path) -> None:
    flags = {"data_dir": "/flag", "host": "127.0.0.1", "port": "3", "claude_dirs": ["/three"]}
    found = read_file(file, WHOLE, ENVIRONMENT, **flags)
    assert (found.data_dir, found.host, found.port, found.claude_dirs) == (Path("/flag"), "127.0.0.1", 3, ("/three",))


@pytest.mark.parametrize("nothing", [None, (), []])
def test_a_flag_that_was_not_given_says_nothing(nothing: object, file: Path) -> None:
    found = read_file(file, WHOLE, data_dir=nothing, port=nothing, claude_dirs=nothing)
    assert (found.data_dir, found.port, found.claude_dirs) == (Path("/file"), 1, ("/one", "/two"))


def test_an_empty_variable_says_nothing() -> None:
    assert read(dict.fromkeys(ENVIRONMENT, "")) == read()


@pytest.mark.parametrize(
    ("environment", "name", "value"),
    [
        ({"FILE_WATCH_ENABLED": "no"}, "file_watch", False),
        ({"FILE_WATCH_ENABLED": "no", "CCLEDGER_FILE_WATCH": "yes"}, "file_watch", True),
        ({"LOG_LEVEL": "error"}, "log_level", "ERROR"),
        ({"LOG_LEVEL": "trace"}, "log_level", "WARNING"),
        ({"DATABASE_PATH": "/a/b.db"}, "database_url", "sqlite:////a/b.db"),
        ({"DATABASE_PATH": "/a/b.db", "CCLEDGER_DATABASE_URL": "memory://"}, "database_url", "memory://"),
        ({"XDG_DATA_HOME": "/xdg"}, "data_dir", Path("/xdg/ccledger")),
        ({"CCLEDGER_DATA_DIR": "~/ledger"}, "data_dir", HOME / "ledger"),
        ({"CCLEDGER_DATA_DIR": "~"}, "data_dir", HOME),
        ({"CCLEDGER_DATA_DIR": "relative"}, "data_dir", Path.cwd() / "relative"),
        ({"CCLEDGER_TIMEZONE": "Etc/UTC"}, "timezone", "UTC"),
        ({"CCLEDGER_PORT": "0"}, "port", 0),
        ({"CCLEDGER_RETENTION_DAYS": "365"}, "retention_days", 365),
        ({"MONITOR_PASSWORD_HASH": "AB" * 32}, "admin_password_hash", "AB" * 32),
        ({"CCLEDGER_LARGEST_BODY": "2 gb"}, "largest_body", 2 << 30),
        ({"CCLEDGER_LARGEST_BODY": "512k"}, "largest_body", 512 << 10),
        ({"CCLEDGER_HOST": "127.0.0.2"}, "host", "127.0.0.2"),
        ({"CCLEDGER_HOST": "0.0.0.0", "CCLEDGER_ADMIN_KEY": "k" * 16}, "host", "0.0.0.0"),
        ({"CCLEDGER_HOST": "ledger.example", "MONITOR_PASSWORD_HASH": "ab" * 32}, "host", "ledger.example"),
    ],
)
def test_other_names_and_short_forms_are_understood(environment: dict[str, str], name: str, value: object) -> None:
    assert getattr(read(environment), name) == value


@pytest.mark.parametrize(
    ("environment", "flags", "said"),
    [
        ({"CCLEDGER_PORT": "65536"}, {}, "CCLEDGER_PORT takes 0 to 65535, not '65536'"),
        ({"CCLEDGER_PORT": "٣"}, {}, "CCLEDGER_PORT takes"),
        ({}, {"port": "-1"}, "--port takes 0 to 65535, not '-1'"),
        ({"CCLEDGER_HOST": "0.0.0.0"}, {}, "CCLEDGER_HOST: 0.0.0.0 would open the ledger to the network, which needs"),
        (
            {"CCLEDGER_HOST": "0.0.0.0", "CCLEDGER_ADMIN_KEY": "k" * 15, "MONITOR_PASSWORD_HASH": "ab" * 32},
            {},
            "CCLEDGER_ADMIN_KEY: a key of fewer than 16 characters would open the ledger to",
        ),
        ({}, {"host": "example.org"}, "--host: example.org would open the ledger to the network"),
        ({}, {"host": "a b"}, "--host takes an address, not 'a b'"),
        ({"CCLEDGER_ALLOWED_HOSTS": "http://x"}, {}, "CCLEDGER_ALLOWED_HOSTS takes names, without a port, not"),
        ({"CCLEDGER_UPSTREAM_TIMEOUT": "0"}, {}, "CCLEDGER_UPSTREAM_TIMEOUT takes seconds from 1, not '0'"),
        ({"CCLEDGER_LARGEST_BODY": "0"}, {}, "CCLEDGER_LARGEST_BODY takes a size such as 32MB, not '0'"),
        ({"CCLEDGER_LARGEST_BODY": "-1MB"}, {}, "CCLEDGER_LARGEST_BODY takes a size such as 32MB, not '-1MB'"),
        ({"CCLEDGER_TIMEZONE": "Mars"}, {}, "CCLEDGER_TIMEZONE: 'Mars' is not a time zone"),
        ({"CCLEDGER_BILLING": "free"}, {}, "CCLEDGER_BILLING takes api or subscription, not 'free'"),
        ({"FILE_WATCH_ENABLED": "maybe"}, {}, "FILE_WATCH_ENABLED takes true or false, not 'maybe'"),
        ({"CCLEDGER_LOG_LEVEL": "loud"}, {}, "CCLEDGER_LOG_LEVEL takes DEBUG, INFO,"),
        ({"CCLEDGER_CONFIG": "/nowhere/ccledger.toml"}, {}, "CCLEDGER_CONFIG names /nowhere/ccledger.toml, which"),
        ({"CCLEDGER_RETENTION_DAYS": "0"}, {}, "CCLEDGER_RETENTION_DAYS takes a whole number from 1, not '0'"),
        ({"CCLEDGER_RETENTION_DAYS": "36501"}, {}, "CCLEDGER_RETENTION_DAYS takes a whole number from 1"),
        ({"CCLEDGER_RETENTION_DAYS": "1.5"}, {}, "CCLEDGER_RETENTION_DAYS takes a whole number from 1"),
        ({"CCLEDGER_CONFIG": "/"}, {}, "/ can't be read: Is a directory"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_where_it_was_given(
    environment: dict[str, str], flags: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError) as error:
        read(environment, **flags)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = true", "port in {file} takes 0 to 65535, not True"),
        ("port = 1.5", "port in {file} takes"),
        ("data_dir = 3", "data_dir in {file} takes a directory, not 3"),
        ('claude_dirs = "one"', "claude_dirs in {file} takes directories, not 'one'"),
        ("claude_dirs = [1]", "claude_dirs in {file} takes directories"),
        ("file_watch = 3", "file_watch in {file} takes true or false"),
        ("timezone = 3", "timezone in {file} takes an IANA name"),
        ('timezone = ""', "timezone in {file}: '' is not a time zone"),
        ("prot = 1\nhots = 2", "{file} has a setting nobody knows: hots, prot; there are data_dir,"),
        ("port =", "{file} is no TOML: "),
        ("largest_body = true", "largest_body in {file} takes a size such as 32MB, not True"),
        ("logging = 1", "logging in {file} takes a table with enabled, buffer_size, workers and batch_size, not 1"),
        ("[logging]\nworkers = 0", "; workers can't be 0"),
        ("[logging]\nwoorkers = 1", "; it has no woorkers"),
        ("[conversations]\nenabled = 7", "; enabled can't be 7"),
        ('[stats]\naggregation_interval = "daily"', "; aggregation_interval can't be 'daily'"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name(text: str, said: str, file: Path) -> None:
    with pytest.raises(UsageError) as error:
        read_file(file, text)
    assert said.format(file=file) in str(error.value)


def test_a_file_that_is_no_text_is_refused(file: Path) -> None:
    file.write_bytes(b"port = 1 # \xff")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        read({"CCLEDGER_CONFIG": str(file)})


def test_the_file_is_looked_for_in_the_configuration_directory(tmp_path: Path) -> None:
    place = tmp_path / "ccledger" / "ccledger.toml"
    assert config_file({"XDG_CONFIG_HOME": str(tmp_path)}, HOME) == place
    assert config_file({}, HOME) == HOME / ".config" / "ccledger" / "ccledger.toml"
    assert read({"XDG_CONFIG_HOME": str(tmp_path)}).port == 51888
    place.parent.mkdir()
    place.write_text("port = 7")
    assert read({"XDG_CONFIG_HOME": str(tmp_path)}).port == 7


def test_a_wrong_value_that_something_else_overrides_is_not_complained_about(file: Path) -> None:
    assert read_file(file, "port = 70000", {"CCLEDGER_PORT": "1"}).port == 1


@given(st.text())
def test_any_text_is_a_port_or_refused(text: str) -> None:
    try:
        port = read(port=text).port
    except UsageError:
        return
    assert 0 <= port <= 65535


@pytest.mark.parametrize("name", ["UTC", "utc", "Etc/UTC", "Etc/UCT", "GMT", "Zulu", "Etc/Greenwich", "Universal"])
def test_every_name_of_utc_is_one_zone(name: str) -> None:
    assert canonical_zone(name) == "UTC"


def test_any_other_zone_keeps_its_name() -> None:
    assert canonical_zone("Asia/Kathmandu") == "Asia/Kathmandu"


def test_what_holds_is_told_with_its_origin(file: Path) -> None:
    file.write_text('log_level = "INFO"\nclaude_dirs = ["/a", "/b"]\n', "utf-8")
    environment = {"CCLEDGER_CONFIG": str(file), "CCLEDGER_TIMEZONE": "UTC", "FILE_WATCH_ENABLED": "no"}
    flags = {"port": "51900"}
    told = in_force(read(environment, **flags), environment, HOME, flags)
    assert [each.setting for each in told] == list(SETTINGS)
    assert {each.setting.name: (each.value, each.origin) for each in told if each.origin} == {
        "port": ("51900", "--port"),
        "timezone": ("UTC", "CCLEDGER_TIMEZONE"),
        "claude_dirs": ("/a, /b", f"claude_dirs in {file}"),
        "file_watch": ("false", "FILE_WATCH_ENABLED"),
        "log_level": ("INFO", f"log_level in {file}"),
    }


def test_what_depends_on_the_machine_or_was_not_said_has_no_value() -> None:
    told = {each.setting.name: each.value for each in in_force(read({}), {}, HOME)}
    assert (told["retention_days"], told["timezone"]) == ("", "")


def test_a_password_in_an_address_is_not_told() -> None:
    settings = read({"CCLEDGER_DATABASE_URL": "postgresql://me:s3cret@db/ledger"})
    [told] = [each for each in in_force(settings, {}, HOME) if each.setting.name == "database_url"]
    assert told.value == "postgresql://db/ledger"


SECRETS = {
    "CCLEDGER_ADMIN_KEY": "planted-key",
    "CCLEDGER_ADMIN_PASSWORD_HASH": "$argon2id$v=19$m=65536,t=3,p=4$cGxhbnRlZHM$cGxhbnRlZA",
    "CCLEDGER_JWT_SECRET": "planted-jwt",
    "CCLEDGER_MASTER_KEY": "planted-master",
}


def test_a_secret_is_told_to_be_there_and_never_shown() -> None:
    settings = read(SECRETS)
    told = {each.setting.name: each for each in in_force(settings, SECRETS, HOME)}
    for variable, secret in SECRETS.items():
        name = variable.removeprefix("CCLEDGER_").lower()
        assert getattr(settings, name) == secret
        assert (told[name].value, told[name].origin) == ("set, not shown", variable)
        assert secret not in repr(settings)
        assert secret not in str(settings)
    assert "admin_key=…" in repr(settings)
    assert "admin_key=''" in repr(read())


def test_a_secret_that_makes_no_sense_is_not_repeated() -> None:
    for variable in SECRETS:
        with pytest.raises(UsageError) as error:
            read({variable: "planted \x07 secret"})
        assert "planted" not in str(error.value)
        assert f"{variable} takes" in str(error.value)
        assert "what is there is not shown" in str(error.value)


ARGON2 = "$argon2id$v=19$m={},t={},p={}$c2FsdHNhbHQ$aGFzaGhhc2g"


@pytest.mark.parametrize(
    "junk",
    [
        "$argon2id$x",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$!!!!!!!!",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaGhhc2g",
        "$argon2x$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
        ARGON2.format(1_048_577, 3, 4),
        ARGON2.format(65536, 21, 4),
        ARGON2.format(65536, 3, 65),
        ARGON2.format(65536, 0, 4),
        ARGON2.format(31, 1, 4),
        "ab" * 31,
    ],
)
def test_a_hash_that_no_password_has_or_that_costs_too_much_is_refused(junk: str) -> None:
    with pytest.raises(UsageError, match="CCLEDGER_ADMIN_PASSWORD_HASH takes") as error:
        read({"CCLEDGER_ADMIN_PASSWORD_HASH": junk})
    assert junk not in str(error.value)


@pytest.mark.parametrize("kind", Type)
def test_every_hash_that_argon2_makes_is_taken(kind: Type) -> None:
    made = PasswordHasher(1, 64, 1, type=kind).hash("x")
    assert read({"CCLEDGER_ADMIN_PASSWORD_HASH": made}).admin_password_hash == made
    largest = ARGON2.format(1_048_576, 20, 64)
    assert read({"CCLEDGER_ADMIN_PASSWORD_HASH": largest}).admin_password_hash == largest
    assert extract_parameters(largest).time_cost == 20


def test_what_was_said_in_a_table_is_told(file: Path) -> None:
    environment = {"CCLEDGER_CONFIG": str(file)}
    told = {each.setting.name: each.value for each in in_force(read_file(file, WHOLE), environment, HOME)}
    assert told["logging"] == "enabled = true, buffer_size = 10000, workers = 4, batch_size = 100"
    assert told["stats"] == "aggregation_enabled = true, aggregation_interval = 24h"
    told = {each.setting.name: each.value for each in in_force(read(), {}, HOME)}
    assert (told["logging"], told["conversations"], told["stats"]) == ("", "", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machines_own_addresses_are_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "localhost.example", "127.0.0.1.example", ""])
def test_no_other_address_is_taken_for_this_machines(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://ann:s3cret@db:5432/x", "postgresql://db:5432/x"),
        ("postgresql://ann:s3@cret@db/x", "postgresql://db/x"),
        ("postgresql://db/x?user=ann&password=s3cret&sslmode=require", "postgresql://db/x?sslmode=require"),
        ("sqlite:////home/a@b/ledger.db", "sqlite:////home/a@b/ledger.db"),
    ],
)
def test_who_signs_in_to_the_database_is_shown_to_nobody(url: str, told: str, file: Path) -> None:
    environment = {"CCLEDGER_CONFIG": str(file), "CCLEDGER_DATABASE_URL": url}
    file.write_text("")
    settings = read_settings(environment, file.parent)
    shown = {each.setting.name: each.value for each in in_force(settings, environment, file.parent)}
    assert shown["database_url"] == told
