# Reads the plain lines of a transcript in bulk; compiled from _lines.c where a compiler was at hand.

from typing import TypeAlias

# The lines of one message, joined: its keys, place (session, branch, agent, copied), model, first time in milliseconds,
# `Terms` bits, complete, sidechain, and the counts in the order of `Usage`.
Answer: TypeAlias = tuple[
    tuple[str, ...], tuple[str | None, str | None, str | None, bool], str, int, int, bool, bool, tuple[int, ...]
]

# The answers in the whole lines of `buffer[start:end]` up to the first line that is not plain, and where that is: `end`
# when there is none. Lines without usage are passed over.
def read(buffer: bytearray, start: int, end: int) -> tuple[list[Answer], int]: ...
