"""Serves the built dashboard as it lies on disk, compressed beforehand; it never lists or leaves its directory."""

import mimetypes
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException

_ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"
_NO_DASHBOARD: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>ccledger</title>
<h1>ccledger is running</h1>
<p>Its dashboard has not been built. In a checkout, install Node.js 20.19 or newer and run <code>make web</code>,
then reload this page. The API works without it: <a href="api/v1/stats/current">api/v1/stats/current</a>.</p>
</html>
"""


class Asset(NamedTuple):
    """A file of the dashboard with its compressed forms, held in memory: there are few and they are small."""

    body: dict[str, bytes]
    """By content encoding; the empty one is the file itself."""
    media_type: str
    etag: str
    cache: str


def load_assets(folder: Path) -> dict[str, Asset]:
    """Every file of the built dashboard by its path; nothing when it was not built."""
    assets: dict[str, Asset] = {}
    suffixes = tuple(suffix for _, suffix in _ENCODINGS)
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and not path.name.endswith(suffixes) and not path.name.startswith("."):
            name = path.relative_to(folder).as_posix()
            assets[name] = _load(path, _FOREVER if name.startswith("assets/") else _ASK_AGAIN)
    return assets


def _load(path: Path, cache: str) -> Asset:
    plain = path.read_bytes()
    body = {"": plain}
    for encoding, suffix in _ENCODINGS:
        packed = path.with_name(path.name + suffix)
        if packed.is_file():
            body[encoding] = packed.read_bytes()
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(body, kind, f'"{blake2b(plain, digest_size=12).hexdigest()}"', cache)


def page_routes(folder: Path) -> list[Any]:
    """The dashboard at every path that is neither the API's nor a file's."""
    assets = load_assets(folder)

    @get(["/", "/{path:path}"], sync_to_thread=False, include_in_schema=False)
    def page(request: Request[Any, Any, Any], path: str = "") -> Response[bytes]:
        name = path.lstrip("/")
        asset = assets.get(name)
        if asset is None:
            if name.startswith(("api/", "assets/", "ws")) or "." in name.rpartition("/")[2]:
                raise NotFoundException(f"there is no /{name}")
            asset = assets.get("index.html")
        if asset is None:
            return Response(_NO_DASHBOARD.encode(), media_type="text/html; charset=utf-8")
        return _respond(asset, request)

    return [page]


def _respond(asset: Asset, request: Request[Any, Any, Any]) -> Response[bytes]:
    accepted = request.headers.get("accept-encoding", "")
    encoding = next((name for name, _ in _ENCODINGS if name in accepted and name in asset.body), "")
    tag = f'{asset.etag[:-1]}-{encoding}"' if encoding else asset.etag
    headers = {"etag": tag, "cache-control": asset.cache, "vary": "accept-encoding"}
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers=headers, media_type=asset.media_type)
    if encoding:
        headers["content-encoding"] = encoding
    return Response(asset.body[encoding], headers=headers, media_type=asset.media_type)
