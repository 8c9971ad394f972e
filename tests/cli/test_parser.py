from __future__ import annotations

from argparse import ArgumentTypeError

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccledger.cli.parser import Parser
from ccledger.core.errors import UsageError


@pytest.fixture(scope="module")
def parser() -> Parser:
    made = Parser("try", "Tries things.")
    made.flag("-j", "--json", to="as_json", text="As JSON.")
    made.switch("-O", "--offline", default=True, text="Offline.")
    made.switch("--color", default=None, text="Colours.")
    made.flag("--no-browser", text="No browser.")
    made.value("-p", "--project", metavar="NAME", text="A project.")
    made.value("--count", metavar="N", text="A number.", read=number)
    made.values("--claude-dir", metavar="DIR", to="claude_dirs", text="Directories.")
    made.choice("-o", "--order", accepted=("asc", "desc"), default="asc", text="The order.")
    made.flag("-h", "--help", text="This page.")
    return made


def number(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"takes a number, not '{text}'")
    return int(text)


def test_nothing_given_is_the_defaults(parser: Parser) -> None:
    assert vars(parser.parse([])) == {
        "as_json": False,
        "offline": True,
        "no_browser": False,
        "color": None,
        "project": None,
        "count": None,
        "claude_dirs": [],
        "order": "asc",
        "help": False,
    }


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["-j"], "as_json", True),
        (["--no-offline"], "offline", False),
        (["--no-offline", "-O"], "offline", True),
        (["--color"], "color", True),
        (["--no-color"], "color", False),
        (["--no-browser"], "no_browser", True),
        (["-p", "shop"], "project", "shop"),
        (["-pshop"], "project", "shop"),
        (["--project=shop"], "project", "shop"),
        (["-jpshop"], "project", "shop"),
        (["--count", "3"], "count", 3),
        (["--claude-dir", "a", "--claude-dir", "b"], "claude_dirs", ["a", "b"]),
        (["-o", "desc"], "order", "desc"),
        (["-h", "--nonsense"], "help", True),
    ],
)
def test_an_option_is_read(arguments: list[str], name: str, value: object, parser: Parser) -> None:
    assert getattr(parser.parse(arguments), name) == value


@given(st.text().filter(lambda text: text != "--"))
@example("-home-app-shop")
@example("--project")
@example("-h")
@example("")
def test_a_value_may_be_any_text_also_one_that_looks_like_an_option(text: str) -> None:
    made = Parser("try", "")
    made.value("-p", "--project", metavar="NAME", text="A project.")
    made.flag("-h", "--help", text="")
    for name in ("-p", "--project"):
        assert made.parse([name, text]).project == text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--projct", "x"], "'try' takes no option --projct; did you mean --project? It takes --json, --offline,"),
        (["--proj", "x"], "'try' takes no option --proj"),
        (["-x"], "'try' takes no option -x"),
        (["shop"], "'try' takes no argument shop"),
        (["--project"], "--project takes a value, NAME"),
        (["--project", "--"], "--project takes a value, NAME"),
        (["--count=--"], "--count takes a value, N"),
        (["--count", "many"], "--count takes a number, not 'many'"),
        (["--order", "up"], "-o/--order takes asc or desc, not 'up'"),
        (["--json=yes"], "-j/--json"),
    ],
)
def test_what_is_not_understood_is_wrong_usage(arguments: list[str], said: str, parser: Parser) -> None:
    with pytest.raises(UsageError) as error:
        parser.parse(arguments)
    assert said in str(error.value)


def test_a_claude_directory_is_not_remembered_for_the_next_call(parser: Parser) -> None:
    parser.parse(["--claude-dir", "a"])
    assert parser.parse([]).claude_dirs == []


def test_a_word_has_to_be_there_unless_help_is_asked_for() -> None:
    made = Parser("try", "Tries things.")
    made.word("model", metavar="MODEL", text="A model.")
    made.flag("-j", "--json", to="as_json", text="As JSON.")
    made.flag("-h", "--help", text="This page.")
    assert made.parse(["-j", "opus"]).model == "opus"
    assert made.parse(["--help"]).help
    with pytest.raises(UsageError, match="'try' needs: MODEL"):
        made.parse(["-j"])
    with pytest.raises(UsageError, match="takes no argument two"):
        made.parse(["one", "two"])


def test_a_word_is_one_of_a_few_and_must_be_there() -> None:
    made = Parser("try", "")
    made.word_of("shell", accepted=("bash", "zsh"), text="100 % of a shell.")
    made.flag("-h", "--help", text="")
    assert made.parse(["zsh"]).shell == "zsh"
    assert made.called == "ccledger try bash|zsh [OPTIONS]"
    assert made.parse(["--help"]).help is True
    with pytest.raises(UsageError, match="'try' needs: bash"):
        made.parse([])
    with pytest.raises(UsageError, match="takes bash or zsh, not 'csh'"):
        made.parse(["csh"])
