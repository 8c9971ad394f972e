"""Says where a ledger is without saying who signs in there and with what; it opens nothing."""

_TOLD = ("host=", "port=", "sslmode=")


def shown(url: str) -> str:
    """A database URL as anybody may read it. What stands behind a question mark may be a password, too."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() == "sqlite":
        return url
    named, _, query = rest.partition("#")[0].partition("?")
    signed, _, place = named.rpartition("@")
    kept = "&".join(each for each in query.split("&") if each.startswith(_TOLD))
    return f"{scheme}://{'…@' if signed else ''}{place}{'?' if kept else ''}{kept}"
