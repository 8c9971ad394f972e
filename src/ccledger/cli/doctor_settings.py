"""What `ccledger doctor` says of settings that are weak, or that something better has replaced; it changes none."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from ccledger.settings import SHORTEST_KEY

if TYPE_CHECKING:
    from ccledger.settings import Settings

_INSTEAD: Final = {
    "logging.enabled": "every call is written down, always: counts and limits depend on it",
    "logging.buffer_size": "no queue in memory: the spool in the data directory takes every call, and none is dropped",
    "logging.workers": "one writer books what is in the spool",
    "logging.batch_size": "the writer commits after 20 ms or 100 calls, and more at once when it is behind",
    "conversations.enabled": "each access token says for itself whether its conversations are recorded",
    "conversations.compress_after_days": "recorded text is compressed at once, and searched all the same",
    "stats.aggregation_enabled": "sums are kept in the transaction that books a call",
    "stats.aggregation_interval": "sums are never behind the calls, so nothing has to run",
}
_SHORT_SECRET: Final = 32


class Replaced(NamedTuple):
    """A setting of the specification that was said, and what holds instead."""

    name: str
    value: str
    instead: str


def replaced(settings: "Settings") -> Iterator[Replaced]:
    """The settings of the specification that somebody has said."""
    for name, instead in _INSTEAD.items():
        table, _, entry = name.partition(".")
        value = getattr(getattr(settings, table), entry)
        if value is not None:
            yield Replaced(name, str(value).lower(), instead)


def weaknesses(settings: "Settings") -> Iterator[str]:
    """What makes it easy to sign in for somebody who should not, and what helps."""
    hashed = settings.admin_password_hash
    if hashed and not hashed.startswith("$"):
        yield (
            "The administrator's password is kept as a bare SHA-256, which is quick to guess for whoever reads it; "
            "'ccledger password' makes a better hash."
        )
    if 0 < len(settings.admin_key) < SHORTEST_KEY:
        yield f"admin_key has fewer than {SHORTEST_KEY} characters; 'openssl rand -hex 32' makes one nobody guesses."
    if 0 < len(settings.jwt_secret) < _SHORT_SECRET:
        yield f"jwt_secret has fewer than {_SHORT_SECRET} bytes; whoever has one of its tokens can guess it."
