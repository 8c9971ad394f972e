"""Which steps bring a ledger's schema up to date, and whose code may still run on it; it runs no step."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ccledger.core.errors import StoreError

OLDEST_READER: Final = "oldest_reader"
"""The setting that says how many steps code has to know to run on a ledger."""
MOVING: Final = "moving"
"""The table that says how far a move into a ledger is. As long as it is there, nobody else opens the ledger."""
_FOLDER: Final = Path(__file__).parent / "migrations"


class Step(NamedTuple):
    """One file `NNNN_pre_name.sql` or `NNNN_post_name.sql`.

    What is `pre` only adds, so that code which does not know it runs on as before. What is `post` takes away what only
    older code needs. A name with neither of both words does both at once.
    """

    number: int
    name: str
    file: Path

    @property
    def text(self) -> str:
        """Its SQL."""
        return self.file.read_text("utf-8")

    @property
    def is_needed(self) -> bool:
        """Whether code that knows it can't do without."""
        return not self.name.startswith("post_")

    @property
    def breaks_older(self) -> bool:
        """Whether code that does not know it can't go on."""
        return not self.name.startswith("pre_")


class Outlook(NamedTuple):
    """What opening a ledger to write it would do to its schema."""

    done: int
    """Steps that were taken; 0: there is no ledger yet."""
    missing: list[Step]
    waiting: list[Step]
    """Steps that are not taken as long as older programs run on it."""
    copied: int
    """Bytes of the copy that is made before; 0: none is."""


def steps(engine: str) -> list[Step]:
    """All steps of an engine, in order."""
    files = sorted((_FOLDER / engine).glob("*.sql"))
    return [Step(int(file.stem[:4]), file.stem[5:], file) for file in files]


def due(known: Iterable[Step], done: Collection[int], *, older_run: bool = False) -> list[Step]:
    """The steps to take now. As long as programs run that know fewer, what they need is not taken away."""
    missing = [step for step in known if step.number not in done]
    return [step for step in missing if not (older_run and step.breaks_older)]


def is_behind(known: Iterable[Step], done: Collection[int]) -> bool:
    """Whether code that knows these steps can't run yet on a ledger that took only those."""
    return any(step.is_needed and step.number not in done for step in known)


def oldest_reader(taken: Iterable[Step], before: int) -> int:
    """How many steps code has to know after these were taken, when it was so many before."""
    return max((step.number for step in taken if step.breaks_older), default=before)


def refuse_newer(known: Sequence[Step], oldest: int, place: object) -> None:
    """Leaves a ledger alone that code with these steps can't run on."""
    if oldest > len(known):
        raise StoreError(
            f"{place} was written by a newer ccledger; update this one "
            f"(it needs schema {oldest}, this version knows {len(known)})"
        )
