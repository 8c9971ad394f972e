"""Reads one command's options with argparse, and keeps what its help page says of them; it runs nothing."""

from argparse import Action, ArgumentParser, ArgumentTypeError, HelpFormatter, Namespace
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

from ccledger.core.errors import UsageError


class Command(NamedTuple):
    """One command: how it declares its options, and what it does once they are read."""

    declare: "Callable[[Parser], None]"
    run: Callable[[Namespace], None]


class Shown(NamedTuple):
    """One line of a help page."""

    names: str
    text: str


class _Valued(NamedTuple):
    """An option that takes a value: its long name, and what the value is called."""

    long: str
    metavar: str


class Parser(ArgumentParser):
    """The options of one command. What can't be understood raises `UsageError`, which says what can."""

    def __init__(self, command: str, summary: str) -> None:
        super().__init__(
            prog=f"ccledger {command}",
            description=summary,
            add_help=False,
            allow_abbrev=False,
            formatter_class=_formatter,
        )
        self.command = command
        self.shown: list[Shown] = []
        self._valued: dict[str, _Valued] = {}
        self._words: list[str] = []
        self.remarks: list[str] = []
        """What else its help page says, line by line."""

    @property
    def called(self) -> str:
        """How it is called, in one line."""
        return " ".join([self.prog, *self._words, "[OPTIONS]"])

    def flag(self, *names: str, text: str, to: str | None = None) -> None:
        """An option that is there or not, kept under `to`, else under its own name."""
        self._show(names, "", text)
        self.add_argument(*names, action="store_true", dest=to or _field(names[-1]), help=_plain(text))

    def switch(self, *names: str, text: str, default: bool | None) -> None:
        """An option and, as `--no-…`, its opposite."""
        long = names[-1]
        opposite = f"--no-{long.removeprefix('--')}"
        self._show((*names, opposite), "", text)
        self.add_argument(*names, action="store_true", default=default, help=_plain(text))
        self.add_argument(opposite, action="store_false", default=default, dest=_field(long), help=_plain(text))

    def value(
        self, *names: str, metavar: str, text: str, read: Callable[[str], Any] = str, default: Any = None
    ) -> None:
        """An option with a value; `read` turns its text into what it means, or raises `ArgumentTypeError`."""
        self._show(names, metavar, text)
        self._take_value(names, metavar)
        self.add_argument(*names, metavar=metavar, type=read, default=default, help=_plain(text))

    def values(self, name: str, *, metavar: str, text: str, to: str) -> None:
        """An option that may be repeated; its values are kept as a list."""
        self._show((name,), metavar, text)
        self._take_value((name,), metavar)
        self.add_argument(name, metavar=metavar, action="append", default=[], dest=to, help=_plain(text))

    def argument(self, name: str, *, metavar: str, text: str) -> None:
        """A word without a dash that may be left out; then it is None."""
        self._show((f"[{metavar}]",), "", text)
        self._words.append(f"[{metavar}]")
        self.add_argument(name, metavar=metavar, nargs="?", help=_plain(text))

    def choice(self, *names: str, accepted: Sequence[str], text: str, default: str) -> None:
        """An option that takes one of a few words."""
        metavar = "|".join(accepted)
        self._show(names, metavar, f"{text} Without it: {default}.")
        self._take_value(names, metavar)
        self.add_argument(*names, choices=accepted, type=_one_of(accepted), default=default, help=_plain(text))

    def word(self, name: str, *, metavar: str, text: str) -> None:
        """A word without dashes that must be given."""
        self._show((metavar,), "", text)
        self._words.append(metavar)
        self.add_argument(name, metavar=metavar, help=_plain(text))

    def word_of(self, name: str, *, accepted: Sequence[str], text: str) -> None:
        """A word without dashes that must be given: one of a few."""
        metavar = "|".join(accepted)
        self._show((metavar,), "", text)
        self._words.append(metavar)
        self.add_argument(name, metavar=metavar, choices=accepted, type=_one_of(accepted), help=_plain(text))

    def declared(self) -> Sequence[Action]:
        """Every option and word, as argparse keeps them."""
        return tuple(self._actions)

    def _show(self, names: Sequence[str], metavar: str, text: str) -> None:
        self.shown.append(Shown(f"{', '.join(names)} {metavar}".rstrip(), text))

    def _take_value(self, names: Sequence[str], metavar: str) -> None:
        self._valued.update(dict.fromkeys(names, _Valued(names[-1], metavar)))

    def parse(self, arguments: Sequence[str]) -> Namespace:
        """The options as they were given. Asked for help, it does not mind what else is missing."""
        if self._words and any(word in ("-h", "--help") for word in arguments):
            return Namespace(help=True)
        flags, unknown = self.parse_known_args(list(self._joined(arguments)))
        if unknown and not flags.help:
            raise UsageError(self._unknown(unknown[0]))
        return flags

    def _joined(self, arguments: Sequence[str]) -> Iterator[str]:
        """Options and their values as one word each: a value may begin with a dash, as Claude's folders do."""
        words = iter(arguments)
        for word in words:
            name, equals, value = word.partition("=")
            if name not in self._valued:
                yield word
                continue
            long, metavar = self._valued[name]
            given = value if equals else next(words, None)
            if given in (None, "--"):  # argparse takes the dashes for the end of all options
                raise UsageError(f"{name} takes a value, {metavar}")
            yield f"{long}={given}"

    def _unknown(self, word: str) -> str:
        from difflib import get_close_matches

        known = [name for option in self.shown for name in option.names.replace(",", "").split() if name[0] == "-"]
        close = get_close_matches(word.partition("=")[0], known, 1)
        meant = f"; did you mean {close[0]}?" if close else "."
        what = "option" if word.startswith("-") else "argument"
        long = ", ".join(name for name in known if name.startswith("--"))
        return f"'{self.command}' takes no {what} {word}{meant} It takes {long}"

    def error(self, message: str) -> NoReturn:
        """See `ArgumentParser.error`; here the caller prints."""
        plain = message.removeprefix("argument ").replace(": takes ", " takes ", 1)
        raise UsageError(plain.replace("the following arguments are required", f"'{self.command}' needs", 1))


def _plain(text: str) -> str:
    """A text that argparse takes as it stands."""
    return text.replace("%", "%%")


def _formatter(prog: str) -> HelpFormatter:
    """What argparse checks each option with; a width of its own saves it from asking the terminal."""
    return HelpFormatter(prog, width=80)


def _field(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def _one_of(accepted: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in accepted:
            raise ArgumentTypeError(f"takes {', '.join(accepted[:-1])} or {accepted[-1]}, not '{text}'")
        return text

    return read
