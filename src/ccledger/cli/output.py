"""Writes to standard output what any terminal, pipe or file can take; it decides nothing about the words."""

import sys
from typing import TextIO


def write(text: str) -> None:
    """A text as lines; characters that the terminal's encoding lacks become question marks."""
    if sys.stdout is None:
        return
    sys.stdout.write(f"{encodable(text, sys.stdout)}\n")


def encodable(text: str, stream: TextIO) -> str:
    """A text with question marks for the characters that a stream can't take."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def write_json(value: object) -> None:
    """A value as JSON; characters that the encoding lacks, and halves of broken file names, are escaped."""
    import json

    if sys.stdout is None:
        return
    try:
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    except UnicodeEncodeError:
        sys.stdout.write(json.dumps(value, indent=2) + "\n")


def note(text: str) -> None:
    """A remark beside the output, on standard error."""
    if sys.stderr is not None:
        print(f"ccledger: {encodable(text, sys.stderr)}", file=sys.stderr, flush=True)


def flush() -> None:
    """Hands on what is still held back, so that a full disk or a closed pipe is noticed while it can be told."""
    if sys.stdout is not None:
        sys.stdout.flush()
