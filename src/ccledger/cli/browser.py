"""Opens the user's browser signed in, by a file that only they can read; no code is in a command that others see."""

import html
import os
from pathlib import Path
from typing import Final

_FILE_NAME: Final = "ccledger.open.html"
_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}"><title>ccledger</title>
<p><a href="{address}">Open ccledger</a>. This address is good once, for two minutes.</p>
</html>
"""


def open_browser(folder: Path, address: str) -> bool:
    """Opens an address that holds a code, by way of a file in the data directory; whether there is a browser."""
    import webbrowser

    return webbrowser.open(_written(folder / _FILE_NAME, address).as_uri())


def forget_address(folder: Path) -> None:
    """Takes away the file that a browser was opened with."""
    (folder / _FILE_NAME).unlink(missing_ok=True)


def _written(path: Path, address: str) -> Path:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_PAGE.format(address=html.escape(address)))
    return path
