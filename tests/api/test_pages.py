"""The dashboard's files: from memory, compressed beforehand, and never anything beside them."""

import gzip
from collections.abc import Generator
from pathlib import Path

import pytest

from ccledger.api.pages import load_assets
from ccledger.ledger.store import Store
from tests.api.apps import Client, asking, make_app

HTML = b"<!doctype html><title>ccledger</title><script type=module src=./assets/app-1a2b.js></script>" * 9
SCRIPT = b"console.log(1);" * 99
OUTSIDE = b"nobody may read this"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "_web"
    (built / "assets").mkdir(parents=True)
    (tmp_path / "outside.txt").write_bytes(OUTSIDE)
    (built / ".sources-sha256").write_bytes(OUTSIDE)
    (built / "index.html").write_bytes(HTML)
    (built / "index.html.gz").write_bytes(gzip.compress(HTML))
    (built / "assets" / "app-1a2b.js").write_bytes(SCRIPT)
    (built / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT, mtime=0))
    (built / "assets" / "app-1a2b.js.br").write_bytes(b"br: " + SCRIPT)
    for name in ("assets/style.css", "assets/inter.woff2", "favicon.svg", "robots.txt", "data.bin"):
        (built / name).write_bytes(name.encode())
    return built


@pytest.fixture
def dashboard(store: Store, folder: Path) -> Generator[Client]:
    with asking(make_app(store, web_folder=folder)) as client:
        client.headers["accept-encoding"] = "identity"
        yield client


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/index.html", "text/html; charset=utf-8"),
        ("/assets/app-1a2b.js", "text/javascript; charset=utf-8"),
        ("/assets/style.css", "text/css; charset=utf-8"),
        ("/assets/inter.woff2", "font/woff2"),
        ("/favicon.svg", "image/svg+xml"),
        ("/robots.txt", "text/plain; charset=utf-8"),
        ("/data.bin", "application/octet-stream"),
    ],
)
def test_a_file_has_the_type_that_browsers_demand(dashboard: Client, folder: Path, path: str, kind: str) -> None:
    answer = dashboard.get(path)
    assert answer.status_code == 200
    assert answer.content == (folder / path[1:]).read_bytes()
    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize("path", ["/", "/index.html", "/sessions", "/sessions/0b1c-9", "/项目", "/a/b/c/"])
def test_every_page_is_the_dashboard(dashboard: Client, path: str) -> None:
    answer = dashboard.get(path)
    assert (answer.status_code, answer.content) == (200, HTML)
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/gone.js",
        "/assets",
        "/assets/",
        "/gone.png",
        "/api/v1/gone",
        "/metrics",
        "/health/live",
        "/api",
        "/.sources-sha256",
        "/index.html.gz",
        "/assets/app-1a2b.js.br",
        "/outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/..%2foutside",
        "/assets/..%2f..%2foutside.txt",
        "/assets/..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/..%5coutside.txt",
        "/..%5coutside",
        "/a%5c..%5coutside",
        "/index.html%00",
        "/%00",
        "/%0d%0aset-cookie:x",
        "/%252e%252e%252foutside.txt",
        "/%c0%ae%c0%ae/outside.txt",
        "/C:%5coutside.txt",
    ],
)
def test_nothing_but_the_dashboard_is_there(dashboard: Client, path: str) -> None:
    answer = dashboard.get(path)
    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]


def test_a_file_whose_name_holds_its_content_is_kept_for_ever(dashboard: Client) -> None:
    assert dashboard.get("/assets/app-1a2b.js").headers["cache-control"] == "public, max-age=31536000, immutable"
    assert dashboard.get("/favicon.svg").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.000, gzip;q=0.5", "gzip"),
        ("br; q=0, gzip; q=1", "gzip"),
        ("identity", None),
        ("", None),
        ("x-gzip, brotli", None),
        ("gzip;q=0", None),
    ],
)
def test_the_smallest_form_that_is_taken_is_sent(dashboard: Client, accepted: str, encoding: str | None) -> None:
    with dashboard.stream("GET", "/assets/app-1a2b.js", headers={"accept-encoding": accepted}) as answer:
        body = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "accept-encoding"
    assert body == {"br": b"br: " + SCRIPT, "gzip": gzip.compress(SCRIPT, mtime=0), None: SCRIPT}[encoding]


def test_what_the_browser_has_is_not_sent_again(dashboard: Client) -> None:
    first = dashboard.get("/index.html")
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = dashboard.get("/index.html", headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b""), known
        assert again.headers["etag"] == tag
    for known in ('"other"', tag.strip('"'), ""):
        assert dashboard.get("/index.html", headers={"if-none-match": known}).status_code == 200, known


def test_forms_of_a_file_have_tags_of_their_own(dashboard: Client) -> None:
    tags = {
        dashboard.get("/assets/app-1a2b.js", headers={"accept-encoding": "identity"}).headers["etag"],
        dashboard.head("/assets/app-1a2b.js", headers={"accept-encoding": "gzip"}).headers["etag"],
        dashboard.head("/assets/app-1a2b.js", headers={"accept-encoding": "br"}).headers["etag"],
    }
    assert len(tags) == 3


def test_files_that_change_afterwards_do_not_matter(dashboard: Client, folder: Path) -> None:
    (folder / "index.html").write_bytes(OUTSIDE)
    (folder / "new.txt").write_bytes(OUTSIDE)
    assert dashboard.get("/").content == HTML
    assert dashboard.get("/new.txt").status_code == 404


def test_without_a_dashboard_the_page_says_how_to_get_one(client: Client) -> None:
    answer = client.get("/sessions")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "make web" in answer.text
    assert client.get("/assets/app.js").status_code == 404


def test_no_folder_is_no_files(tmp_path: Path) -> None:
    assert load_assets(tmp_path / "nothing") == {}
