"""The house rules that no other tool checks: what pure folders call, names, lengths, links, translations."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "ccledger"
PURE = ("core", "wire", "guard")
FILE_CALLS = {"open", "read_bytes", "read_text", "write_bytes", "write_text"}
CELLARS = {"utils", "util", "helpers", "helper", "common", "misc", "shared"}
LONGEST_FUNCTION = 60
LONGEST_FILE = 500
INDEX_HOSTS = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|npmmirror|//[\w.-]*/simple\b", re.IGNORECASE)


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders or ("",):
        yield from sorted((PACKAGE / folder).rglob("*.py"))


def name_of_call(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case _:
            return ""


def test_pure_folders_touch_no_file() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {name_of_call(node)}()"
        for path in modules(*PURE)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and name_of_call(node) in FILE_CALLS
    ]
    assert found == [], "core, wire and guard are handed bytes; reading is done by sources, ledger and the doors"


def test_nothing_is_called_utils() -> None:
    names = [path.relative_to(PACKAGE) for path in modules()]
    found = [str(name) for name in names if CELLARS & {name.stem, *name.parent.parts}]
    assert found == [], "say what it does: a cellar collects everything"


def test_functions_and_files_stay_readable() -> None:
    too_long: list[str] = []
    for path in modules():
        text = path.read_text()
        if text.count("\n") > LONGEST_FILE:
            too_long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    too_long.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines")
    assert too_long == [], "does each do one thing? If it truly does, say so here and raise the limit"


def test_no_package_index_is_written_down() -> None:
    files = [*ROOT.glob("requirements/*"), *ROOT.glob("scripts/*"), *ROOT.glob("web/*.json"), ROOT / "web" / ".npmrc"]
    files += [ROOT / name for name in ("Makefile", "Dockerfile", "compose.yaml", "pyproject.toml", ".ci/run")]
    found = [str(path.relative_to(ROOT)) for path in files if path.is_file() and INDEX_HOSTS.search(path.read_text())]
    assert found == [], "whoever installs chooses the index; hashes say whether it is the right file"


def test_help_lists_every_verb() -> None:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    phony = re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
    assert phony
    verbs = set(phony[1].split()) - {"web-if-possible"}
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^ {2}make (\S+)", said, re.MULTILINE)) == verbs


@pytest.mark.parametrize(
    "english",
    [
        "README.md",
        "docs/how-to/watch-your-own-usage.md",
        "docs/how-to/status-line.md",
        "docs/how-to/live-view.md",
        "docs/how-to/sign-in.md",
        "docs/how-to/accounts.md",
        "docs/how-to/gateway.md",
        "docs/how-to/several-nodes.md",
        "docs/how-to/move-to-postgresql.md",
    ],
)
def test_chinese_is_level_with_english(english: str) -> None:
    chinese = english.removesuffix(".md") + ".zh-CN.md"
    assert shape(ROOT / english) == shape(ROOT / chinese)


def shape(page: Path) -> list[str]:
    """Return headings, table rows, list items and code of a page, without the words that are translated."""
    marks = re.findall(r"^(#+|\||-|```\w*)(?= |$)", page.read_text(), re.MULTILINE)
    commands = re.findall(r"^(?:make|\.venv|cp|CLAUDE_CONFIG_DIR=).*$", page.read_text(), re.MULTILINE)
    return [*marks, *commands]


def test_links_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("changelog.d/*.md"), *ROOT.glob("docs/**/*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"(?<!!)\[[^]]*\]\(([^)#]+)[^)]*\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []
