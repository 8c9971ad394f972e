"""What a visit fetches: the first page stays light, and the others bring only what they add."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import DASHBOARD

ASSETS = DASHBOARD.parent / "assets"
FIRST_LOAD = 120_000
LAZY_PAGE = 40_000
"""Bytes of script and style, as they are sent (gzip)."""
STATIC_IMPORT = re.compile(r"""(?:\bfrom|^import|[;}]import)\s*["']\./([\w.-]+\.js)["']""")

pytestmark = pytest.mark.skipif(not DASHBOARD.exists(), reason="the dashboard is not built: make web")


def sent(path: Path) -> int:
    """How many bytes a file is on its way."""
    return path.with_name(path.name + ".gz").stat().st_size


def with_imports(*names: str) -> Iterator[Path]:
    """Scripts, and what they can't start without, each once."""
    left, seen = list(names), set[str]()
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            yield ASSETS / name
            left.extend(STATIC_IMPORT.findall((ASSETS / name).read_text("utf-8")))


def first_load() -> set[Path]:
    """Everything the first page needs, the larger language included."""
    page = DASHBOARD.read_text("utf-8")
    named = re.findall(r"assets/([\w.-]+\.(?:js|css))", page)
    languages = sorted([*ASSETS.glob("en-*.js"), *ASSETS.glob("zh-CN-*.js")], key=sent)
    scripts = [name for name in named if name.endswith(".js")]
    styles = {ASSETS / name for name in named if name.endswith(".css")}
    return {*with_imports(*scripts), *styles, languages[-1]}


def test_the_first_page_is_light() -> None:
    files = first_load()
    assert any("uplot" in path.read_text("utf-8").lower() for path in files), "the chart is shared by all pages"
    assert sum(map(sent, files)) <= FIRST_LOAD, sorted((path.name, sent(path)) for path in files)


@pytest.mark.parametrize(
    "page", ["Usage", "Requests", "Keys", "Accounts", "Settings", "SignIn", "GatewayToday", "Palette", "KeysHelp"]
)
def test_every_other_page_brings_only_what_it_adds(page: str) -> None:
    [script] = ASSETS.glob(f"{page}-*.js")
    own = {*with_imports(script.name), *ASSETS.glob(f"{page}-*.css")} - first_load()
    assert script in own, "it is fetched only when somebody goes there"
    assert sum(map(sent, own)) <= LAZY_PAGE, sorted((path.name, sent(path)) for path in own)
