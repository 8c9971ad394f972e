"""What the program was told and where, what it reads and what it holds, for the Settings page; it changes nothing."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from litestar import get
from msgspec import Struct

from ccledger.api.system import ImportRoot, Transcripts
from ccledger.stats.overview import LedgerFacts, ledger_facts
from ccledger.stats.words import about

if TYPE_CHECKING:
    from ccledger.ledger.store import Store


class SettingInForce(Struct, frozen=True):
    """A setting as it holds now."""

    name: Annotated[str, about("Its name in `ccledger.toml`.")]
    value: Annotated[str, about("As one would write it; empty where the default depends on the machine.")]
    origin: Annotated[str | None, about("The flag, variable or file that says so; null when the default holds.")]
    default: Annotated[str, about("What holds when nobody says anything.")]
    meaning: str
    ways: Annotated[list[str], about("Flag and variables that set it.")]


class EffectiveSettings(Struct, frozen=True):
    """What holds now. Nothing in it is secret."""

    version: str
    timezone: Annotated[str, about("IANA name of the zone whose days the ledger keeps.")]
    ledger: LedgerFacts
    claude_dirs: Annotated[list[ImportRoot], about("The Claude directories that are read, or looked for.")]
    settings: list[SettingInForce]


def settings_routes(
    store: "Store", transcripts: Transcripts, version: str, told: Callable[[], Sequence[SettingInForce]]
) -> list[Any]:
    """`settings`."""

    @get("/settings", operation_id="getSettings", sync_to_thread=True)
    def settings() -> EffectiveSettings:
        """The settings in force with their origin, the Claude directories, the extent of the ledger."""
        return EffectiveSettings(
            version=version,
            timezone=store.zone(),
            ledger=ledger_facts(store),
            claude_dirs=transcripts.state().roots,
            settings=list(told()),
        )

    return [settings]
