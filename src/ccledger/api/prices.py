"""Changes of prices that the command line hands to a running server; nobody else can ask for them."""

from typing import Any, NamedTuple

from litestar import Request, post
from litestar.exceptions import NotFoundException
from litestar.params import RawBody
from msgspec import MsgspecError, Struct, json

from ccledger.api.shield import is_local_socket
from ccledger.core.errors import UsageError
from ccledger.core.prices import Override
from ccledger.ledger.store import Slice
from ccledger.ledger.writer import Writer
from ccledger.stats.pricing import Prices

_LARGEST_STEP = 10_000


class PriceDesk(NamedTuple):
    """Where the API reads prices, and where it hands in changes of them."""

    prices: Prices
    writer: Writer


class Withdrawal(Struct, frozen=True):
    """Which overrides are taken away, and by whom."""

    model: str
    start: int | None
    by: str


class Withdrawn(Struct, frozen=True):
    """How many overrides were taken away."""

    count: int


class Beginning(Struct, frozen=True):
    """What is going to be priced anew, in words, and by whom."""

    what: str
    by: str


class Begun(Struct, frozen=True):
    """The number of the note."""

    change: int


class NextStep(Struct, frozen=True):
    """One step of pricing anew."""

    change: int
    part: Slice
    after: int
    limit: int


class StepDone(Struct, frozen=True):
    """Where the next step begins, if there is one."""

    reached: int | None


def price_routes(writer: Writer) -> list[Any]:
    """`control/prices/…`: through the data directory's socket alone."""

    @post("/control/prices/set", status_code=200, include_in_schema=False, sync_to_thread=True)
    def override(request: Request[Any, Any, Any], body: RawBody) -> None:
        """Lays a period over the prices of a model."""
        writer.override(_read(request, body, Override))

    @post("/control/prices/withdraw", status_code=200, include_in_schema=False, sync_to_thread=True)
    def withdraw(request: Request[Any, Any, Any], body: RawBody) -> Withdrawn:
        """Takes overrides away."""
        asked = _read(request, body, Withdrawal)
        return Withdrawn(writer.withdraw(asked.model, asked.start, asked.by))

    @post("/control/prices/reprice", status_code=200, include_in_schema=False, sync_to_thread=True)
    def begin(request: Request[Any, Any, Any], body: RawBody) -> Begun:
        """Notes that calls are going to be priced anew."""
        asked = _read(request, body, Beginning)
        return Begun(writer.begin_repricing(asked.what, asked.by))

    @post("/control/prices/reprice/step", status_code=200, include_in_schema=False, sync_to_thread=True)
    def step(request: Request[Any, Any, Any], body: RawBody) -> StepDone:
        """Prices some calls anew."""
        asked = _read(request, body, NextStep)
        done = writer.reprice(asked.change, asked.part, asked.after, min(max(asked.limit, 1), _LARGEST_STEP))
        return StepDone(done.reached)

    return [override, withdraw, begin, step]


def _read(request: Request[Any, Any, Any], body: bytes, kind: type[Any]) -> Any:
    if not is_local_socket(request.scope):
        raise NotFoundException
    try:
        return json.decode(body, type=kind)
    except MsgspecError as error:
        raise UsageError(f"this is no {kind.__name__}: {error}") from None
