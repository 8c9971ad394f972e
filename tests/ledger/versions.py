"""Makes this process the code of another version, which knows other steps of the schema."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ccledger.ledger import schema

Versions = Callable[..., None]

OWN = Path(schema.__file__).parent / "migrations"


def versions(engine: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Versions:
    """What it is given, it knows beside this version's steps: the name of each, and its SQL."""

    def know(**files: str) -> None:
        place = folder / "migrations"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(OWN, place)
        first = len(list((OWN / engine).glob("*.sql"))) + 1
        for number, (name, text) in enumerate(files.items(), first):
            (place / engine / f"{number:04}_{name}.sql").write_text(text)
        monkeypatch.setattr(schema, "_FOLDER", place)

    return know
