"""Remembers in a file what was signed out, so that it stays so when the server starts anew; it holds no secret."""

import os
from collections import UserDict
from pathlib import Path
from typing import Final

from ccledger.core.errors import StoreError

FILE_NAME: Final = "signed-out"


class SignedOut(UserDict[str, int]):
    """The ids of sessions and tokens that were signed out, each with the time until which that has to be known.

    An addition is on the disk when it returns. What is taken out leaves the file with the next addition.
    """

    def __init__(self, path: Path) -> None:
        """Raises `StoreError` when the file is there and can't be read."""
        super().__init__()
        self._path = path
        self.data = _read(path)

    def __setitem__(self, name: str, until: int) -> None:
        super().__setitem__(name, until)
        text = "".join(f"{each} {time}\n" for each, time in self.data.items())
        draft = self._path.with_name(f"{self._path.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(self._path)


def _read(path: Path) -> dict[str, int]:
    try:
        lines = path.read_text("ascii").splitlines()
        return {name: int(until) for name, until in (line.split(" ") for line in lines)}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StoreError(f"{path} can't be read ({error}); delete it, and sign in anew everywhere") from None
