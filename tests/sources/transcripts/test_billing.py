"""How a directory's calls are paid for, told by names of fields in real files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ccledger.sources.transcripts.billing import detect_billing


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home/.claude/projects").mkdir(parents=True)
    return tmp_path / "home"


def write_state(path: Path, state: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(state))


@pytest.mark.parametrize(
    ("state", "billing"),
    [
        ({"oauthAccount": {"billingType": "stripe_subscription"}}, "subscription"),
        ({"oauthAccount": {"billingType": "apple_subscription"}}, "subscription"),
        ({"oauthAccount": {"emailAddress": "a@example.com"}}, "subscription"),
        ({"oauthAccount": {"billingType": None}}, "subscription"),
        ({"oauthAccount": {"billingType": "prepaid"}}, "api"),
        ({"oauthAccount": {"billingType": "console_invoice"}}, "api"),
        ({"customApiKeyResponses": {"approved": ["x"]}}, "api"),
        ({"primaryApiKey": "made-up"}, "api"),
        ({"oauthAccount": None, "primaryApiKey": ""}, "unknown"),
        ({"oauthAccount": "a@example.com"}, "unknown"),
        ({"numStartups": 3}, "unknown"),
        ({}, "unknown"),
        ([], "unknown"),
        (None, "unknown"),
        ("text", "unknown"),
    ],
)
def test_the_signed_in_account_tells_how_a_directory_pays(home: Path, state: object, billing: str) -> None:
    write_state(home / ".claude.json", state)
    assert detect_billing(str(home / ".claude"), home) == billing


SUBSCRIBED = {"oauthAccount": {"billingType": "stripe_subscription"}}


@pytest.mark.parametrize("name", [".claude.json", ".config.json"])
def test_a_directory_of_its_own_has_its_own_account(home: Path, tmp_path: Path, name: str) -> None:
    write_state(home / ".claude.json", {"primaryApiKey": "made-up"})
    write_state(tmp_path / "work" / name, SUBSCRIBED)
    assert detect_billing(str(tmp_path / "work"), home) == "subscription"
    assert detect_billing(str(tmp_path / "other"), home) == "unknown"


def test_the_account_inside_a_directory_comes_before_the_one_beside_it(home: Path) -> None:
    write_state(home / ".claude/.claude.json", SUBSCRIBED)
    write_state(home / ".claude.json", {"primaryApiKey": "made-up"})
    assert detect_billing(str(home / ".claude"), home) == "subscription"


def test_the_newer_usual_directory_has_the_same_account(home: Path) -> None:
    write_state(home / ".claude.json", SUBSCRIBED)
    assert detect_billing(str(home / ".config/claude"), home) == "subscription"


def test_the_usual_directory_is_recognised_through_links(home: Path, tmp_path: Path) -> None:
    """Roots are real paths; the home directory, or the directory in it, may be a link."""
    write_state(home / ".claude.json", SUBSCRIBED)
    (tmp_path / "linked-home").symlink_to(home)
    assert detect_billing(str(home / ".claude"), tmp_path / "linked-home") == "subscription"
    (home / ".claude").rename(tmp_path / "dotfiles")
    (home / ".claude").symlink_to(tmp_path / "dotfiles")
    assert detect_billing(str(tmp_path / "dotfiles"), home) == "subscription"


@pytest.mark.parametrize("text", ["", "{", "\0", "[" * 100_000, "\udcff"])
def test_a_damaged_file_tells_nothing(home: Path, text: str) -> None:
    (home / ".claude.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert detect_billing(str(home / ".claude"), home) == "unknown"


def test_a_file_of_another_kind_tells_nothing(home: Path) -> None:
    (home / ".claude.json").mkdir()
    assert detect_billing(str(home / ".claude"), home) == "unknown"


def test_a_huge_file_is_not_read(home: Path) -> None:
    (home / ".claude.json").write_text(json.dumps(SUBSCRIBED) + " " * (16 << 20))
    assert detect_billing(str(home / ".claude"), home) == "unknown"
