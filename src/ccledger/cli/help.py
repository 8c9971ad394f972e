"""Lays out help pages: the list of commands, and one page for each; it knows no option itself."""

import textwrap
from collections.abc import Iterable, Iterator

from ccledger.cli.parser import Parser, Shown
from ccledger.cli.terminal import width

_WIDEST = 100
_LONGEST_NAMES = 30


def overview(about: str, commands: list[Shown]) -> str:
    """The page of the program itself."""
    options = [Shown("-V, --version", "Say which version this is."), Shown("-h, --help", "Show this page.")]
    closing = "'ccledger COMMAND --help' says what a command takes."
    return _page("ccledger COMMAND [OPTIONS]", about, (("Commands", commands), ("Options", options)), closing)


def page(parser: Parser) -> str:
    """The page of one command."""
    return _page(parser.called, parser.description or "", (("Options", parser.shown),), "\n".join(parser.remarks))


def _page(usage: str, about: str, sections: Iterable[tuple[str, list[Shown]]], closing: str) -> str:
    wide = min(width() or _WIDEST, _WIDEST)
    lines = [f"Usage: {usage}", "", *textwrap.wrap(about, wide)]
    for head, shown in sections:
        lines += ["", f"{head}:", *_table(shown, wide)]
    return "\n".join([*lines, "", closing] if closing else lines)


def _table(shown: list[Shown], wide: int) -> Iterator[str]:
    names = min(max(len(line.names) for line in shown), _LONGEST_NAMES)
    start = names + 4
    for line in shown:
        text = textwrap.wrap(line.text, max(wide - start, 20))
        if len(line.names) > names:
            yield f"  {line.names}"
        else:
            yield f"  {line.names:<{names}}  {text.pop(0)}"
        yield from (" " * start + rest for rest in text)
