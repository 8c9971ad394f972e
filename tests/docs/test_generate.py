from __future__ import annotations

import pytest

from ccledger.cli.commands import COMMANDS
from ccledger.settings import SETTINGS
from tests.docs.generate import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_reference_page_says_what_the_code_says(name: str) -> None:
    current = (FOLDER / name).read_text("utf-8")
    assert current == PAGES[name](), "run: python -m tests.docs.generate"


def test_no_command_and_no_setting_is_missing() -> None:
    assert all(f"## `ccledger {name}`\n" in PAGES["cli.md"]() for name in COMMANDS)
    assert all(f"| `{setting.name}` |" in PAGES["settings.md"]() for setting in SETTINGS)


def test_no_page_ever_names_this_machine() -> None:
    for page in PAGES.values():
        assert "/home/" not in page()
        assert "/root" not in page()
