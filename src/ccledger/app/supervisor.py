"""Runs what nobody waits for beside the server, and says so when it fails; it decides on no work itself."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

_Answer = TypeVar("_Answer")
_LOG = logging.getLogger(__name__)


class Supervisor:
    """Tasks that end with the server at the latest."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, _Answer]) -> asyncio.Task[_Answer]:
        """Begins some work."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("work beside the server failed", exc_info=error)

    async def end(self, patience: float = 0) -> None:
        """Lets what runs come to its end for so many seconds, then ends it."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
