"""Writes docs/reference/openapi.json, the description of the API: `python -m tests.docs.openapi`."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.api.apps import asking, make_app
from tests.stats.facts import ledger

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "reference" / "openapi.json"


def page() -> str:
    """Return the file as it should be: what the server itself answers, laid out to be read."""
    with TemporaryDirectory() as folder:
        store = ledger(Path(folder))
        with asking(make_app(store)) as client:
            document = client.get("/api/v1/openapi.json").json()
        store.close()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
