"""Both faces of an SDK, the blocking and the awaited one, used by the same words; it knows neither SDK."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any


async def told(answer: Any) -> Any:
    """An answer, wherever it has to be waited for."""
    return await answer if isawaitable(answer) else answer


async def each(found: Any) -> AsyncIterator[Any]:
    """One after the other."""
    if hasattr(found, "__aiter__"):
        async for one in found:
            yield one
    else:
        for one in found:
            yield one


async def listed(found: Any) -> list[Any]:
    """All of them."""
    return [one async for one in each(await told(found))]


@asynccontextmanager
async def entered(manager: Any) -> AsyncGenerator[Any]:
    """What a context manager lends."""
    if hasattr(manager, "__aenter__"):
        async with manager as lent:
            yield lent
    else:
        with manager as lent:
            yield lent
