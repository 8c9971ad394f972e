"""What doctor says of settings that are weak or replaced."""

from __future__ import annotations

from pathlib import Path

from ccledger.cli.doctor_settings import replaced, weaknesses
from ccledger.settings import Settings, read_settings
from tests.cli.program import Run

SPECIFIED = """
[logging]
enabled = true
buffer_size = 10000
workers = 4
batch_size = 100
[conversations]
enabled = false
compress_after_days = 7
[stats]
aggregation_enabled = true
aggregation_interval = "24h"
"""


def settings(**environment: str) -> Settings:
    return read_settings(environment, Path("/home/somebody"))


def test_each_setting_of_the_specification_is_answered(tmp_path: Path, ccledger: Run) -> None:
    path = tmp_path / "ccledger.toml"
    path.write_text(SPECIFIED)
    found = {each.name: each for each in replaced(settings(CCLEDGER_CONFIG=str(path)))}
    assert [(name, each.value) for name, each in found.items()] == [
        ("logging.enabled", "true"),
        ("logging.buffer_size", "10000"),
        ("logging.workers", "4"),
        ("logging.batch_size", "100"),
        ("conversations.enabled", "false"),
        ("conversations.compress_after_days", "7"),
        ("stats.aggregation_enabled", "true"),
        ("stats.aggregation_interval", "24h"),
    ]
    assert "spool" in found["logging.buffer_size"].instead
    ran = ccledger("doctor", CCLEDGER_CONFIG=str(path))
    assert "logging.buffer_size = 10000: no queue in memory" in ran.out
    told = ccledger("doctor", "--json", CCLEDGER_CONFIG=str(path)).json["replaced"]
    assert told == [each._asdict() for each in found.values()]


def test_only_what_was_said_is_answered(tmp_path: Path, ccledger: Run) -> None:
    assert list(replaced(settings())) == []
    path = tmp_path / "ccledger.toml"
    path.write_text("[logging]\nworkers = 4\n")
    assert [each.name for each in replaced(settings(CCLEDGER_CONFIG=str(path)))] == ["logging.workers"]
    assert "replaced" not in ccledger("doctor").out


def test_what_is_easy_to_guess_is_said_without_being_shown(ccledger: Run) -> None:
    weak = {"MONITOR_PASSWORD_HASH": "ab" * 32, "CCLEDGER_ADMIN_KEY": "short-key", "CCLEDGER_JWT_SECRET": "short-jwt"}
    found = list(weaknesses(settings(**weak)))
    assert [text.split(" ", 1)[0] for text in found] == ["The", "admin_key", "jwt_secret"]
    ran = ccledger("doctor", history=None, **weak)
    assert "bare SHA-256" in ran.out
    assert not any(secret in ran.out + ran.err for secret in weak.values())


def test_what_is_strong_is_not_mentioned() -> None:
    strong = {
        "CCLEDGER_ADMIN_PASSWORD_HASH": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
        "CCLEDGER_ADMIN_KEY": "k" * 16,
        "CCLEDGER_JWT_SECRET": "j" * 32,
    }
    assert list(weaknesses(settings(**strong))) == []
    assert list(weaknesses(settings())) == []
