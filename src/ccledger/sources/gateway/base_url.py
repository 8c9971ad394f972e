"""Reads the address of an upstream's API; it connects to none."""

from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from ccledger.core.errors import UsageError
from ccledger.sources.gateway.upstream import Origin

_PORTS: Final = {"http": 80, "https": 443}


class Base(NamedTuple):
    """Where an account's API is."""

    origin: Origin
    path: str
    """Before the API's own paths; empty or with a slash in front, never at the end."""


@lru_cache(256)
def base_of(url: str) -> Base:
    """A base URL in its parts; one that ends in `/v1`, as some SDKs want it, means the same without."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(f"'{url}' is no address of an API; write http:// or https:// and a host")
    path = parts.path.rstrip("/").removesuffix("/v1")
    return Base(Origin(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]), path)
