"""How keys are kept that are longer than every engine's index can hold; it knows no engine."""

from hashlib import sha256

LONGEST_KEY = 600
"""In characters, each of which may take four of the 2,700 bytes that PostgreSQL's index has for a row."""


def short_key(key: str) -> str:
    """A key as it is stored: nonsense that is longer is known by its digest."""
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[:64]}#{sha256(key.encode()).hexdigest()}"
