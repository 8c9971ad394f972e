"""Serves the built dashboard from memory, compressed beforehand; it never lists or leaves its directory."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

_ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"
_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
"""Written down, because the system's table differs between machines and browsers run no script of a wrong type."""
_NOT_PAGES: Final = frozenset({"api", "assets", "health", "metrics", "ws"})
"""Names that programs ask for: a page would tell them that all is well."""
_TRICK: Final = re.compile(r"[\x00-\x1f\x7f\\]")
_NO_DASHBOARD: Final = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>ccledger</title>
<h1>ccledger is running</h1>
<p>Its dashboard has not been built. In a checkout, install Node.js 20.19 or newer and run <code>make web</code>,
then restart the server. The API works without it: <a href="/api/v1/stats/current">/api/v1/stats/current</a>.</p>
</html>
"""


class Asset(NamedTuple):
    """A file of the dashboard with its compressed forms, held in memory: there are few and they are small."""

    body: Mapping[str, bytes]
    """By content encoding; the empty one is the file itself."""
    media_type: str
    tag: str
    cache: str


def load_assets(folder: Path) -> dict[str, Asset]:
    """Every file of the built dashboard by its path; nothing when it was not built."""
    assets: dict[str, Asset] = {}
    suffixes = tuple(suffix for _, suffix in _ENCODINGS)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.endswith(suffixes) and not path.name.startswith("."):
            name = path.relative_to(folder).as_posix()
            assets[name] = _load(path, _FOREVER if name.startswith("assets/") else _ASK_AGAIN)
    return assets


def _load(path: Path, cache: str) -> Asset:
    body = {"": path.read_bytes()}
    for encoding, suffix in _ENCODINGS:
        packed = path.with_name(path.name + suffix)
        if packed.is_file():
            body[encoding] = packed.read_bytes()
    kind = _MEDIA_TYPES.get(path.suffix, "application/octet-stream")
    return Asset(body, kind, blake2b(body[""], digest_size=12).hexdigest(), cache)


def page_routes(folder: Path) -> list[Any]:
    """The dashboard at every path that is neither the API's nor a file's."""
    assets = load_assets(folder)
    home = assets.get("index.html", Asset({"": _NO_DASHBOARD}, "text/html", "none", _ASK_AGAIN))

    @get(["/", "/{path:path}"], sync_to_thread=False, include_in_schema=False)
    def page(request: Request[Any, Any, Any], path: FromPath[str] = "") -> Response[bytes]:
        name = path.removeprefix("/")
        asset = assets.get(name) or (home if _is_page(name) else None)
        if asset is None:
            raise NotFoundException
        return _respond(asset, request.headers)

    return [page]


def _is_page(name: str) -> bool:
    """Whether the dashboard itself may have a page of that name: not the API's, not a file's, no trick."""
    parts = name.split("/")
    return parts[0] not in _NOT_PAGES and "." not in parts[-1] and ".." not in parts and not _TRICK.search(name)


def _respond(asset: Asset, asked: Mapping[str, str]) -> Response[bytes]:
    encoding = _choose(asset, asked.get("accept-encoding", ""))
    tag = f'"{asset.tag}-{encoding}"' if encoding else f'"{asset.tag}"'
    headers = {"etag": tag, "cache-control": asset.cache, "vary": "accept-encoding"}
    known = {entry.strip().removeprefix("W/") for entry in asked.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    if encoding:
        headers["content-encoding"] = encoding
    return Response(asset.body[encoding], headers=headers, media_type=asset.media_type)


def _choose(asset: Asset, accepted: str) -> str:
    """The smallest form that the client takes."""
    taken: set[str] = set()
    for entry in accepted.lower().split(","):
        name, _, quality = entry.replace(" ", "").partition(";q=")
        if quality.strip("0.") or not quality:
            taken.add(name)
    return next((name for name, _ in _ENCODINGS if name in taken and name in asset.body), "")
