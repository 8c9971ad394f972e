"""Says where a ledger is without saying who signs in there and with what; it opens nothing."""


def shown(url: str) -> str:
    """A database URL as anybody may read it. What stands behind a question mark may be a password, too."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() == "sqlite":
        return url
    named = rest.partition("?")[0].partition("#")[0]
    signed, _, place = named.rpartition("@")
    return f"{scheme}://{'…@' if signed else ''}{place}"
