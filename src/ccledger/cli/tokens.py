"""`ccledger token create`, `list`, `set`, `revoke` and `delete`: issues keys and shows them once; it checks none."""

from argparse import ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Any, Final

from ccledger.cli.options import a_count, place_options, settings_from
from ccledger.cli.output import write, write_json
from ccledger.cli.parser import Command, Parser
from ccledger.core.access import Mode
from ccledger.core.errors import UsageError

if TYPE_CHECKING:
    from ccledger.cli.token_keeper import Made

_NEVER: Final = "never"
_NONE: Final = "none"
_ANY: Final = "any"


def a_limit(text: str) -> int | None:
    """A whole number from 1, None for `none`."""
    if text == _NONE:
        return None
    try:
        return a_count(text)
    except ArgumentTypeError:
        raise ArgumentTypeError(f"takes a whole number from 1, or {_NONE}, not '{text}'") from None


def a_length(text: str) -> str:
    """A length of time, or `never`."""
    from ccledger.access.durations import ACCEPTED, parse_duration

    try:
        if text != _NEVER:
            parse_duration(text)
    except UsageError:
        raise ArgumentTypeError(f"{ACCEPTED}, or {_NEVER}, not '{text}'") from None
    return text


def a_mode(text: str) -> str:
    """One of the modes."""
    if text not in tuple(Mode):
        raise ArgumentTypeError(f"takes {', '.join(Mode)}, not '{text}'")
    return text


def _declare_asked(parser: Parser) -> None:
    """What may be asked of a new access token and of any other."""
    parser.value(
        "--expires", metavar="DURATION", read=a_length, text="It ends after 30d, 2w, 720h or 1h30m from now, or never."
    )
    parser.value("--mode", metavar="MODE", read=a_mode, text="Which upstreams it may use: api, web or both.")
    parser.values("--model", metavar="PATTERN", to="models", text="A model it may ask, * for any characters, or any.")
    parser.values("--ip", metavar="CIDR", to="ips", text="An address or network it may come from, or any.")
    parser.value("--rpm", metavar="NUMBER", read=a_limit, default=..., text="Requests per minute, or none.")
    parser.value("--tpm", metavar="NUMBER", read=a_limit, default=..., text="Tokens per minute, or none.")
    parser.value("--concurrency", metavar="NUMBER", read=a_limit, default=..., text="Calls open at once, or none.")
    parser.switch("--record", default=None, text="Record the text of its calls.")
    parser.value("--note", metavar="TEXT", text="Anything worth knowing of it.")


def _asked(flags: Namespace) -> dict[str, Any]:
    """What was asked for, as the API calls it; what was not is not there."""
    limits = {"requests_per_minute": flags.rpm, "tokens_per_minute": flags.tpm, "concurrency": flags.concurrency}
    given = {
        "name": flags.name,
        "mode": flags.mode,
        "note": flags.note,
        "enable_conversation_logging": flags.record,
        "models": _entries(flags.models),
        "ips": _entries(flags.ips),
    }
    asked: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    asked |= {name: value for name, value in limits.items() if value is not ...}
    if flags.expires is not None:
        asked["expires_in"] = None if flags.expires == _NEVER else flags.expires
    return asked


def _entries(given: list[str]) -> list[str] | None:
    """The entries of a list; none at all for `any`, None when nothing was said."""
    if _ANY in given:
        return []
    return given or None


def _declare_create(parser: Parser) -> None:
    parser.value("--name", metavar="NAME", text="What you call it: who or what is going to use it.")
    _declare_asked(parser)
    parser.value("--user", metavar="NAME", text="Who owns it; without it 'owner'.")
    parser.flag("--jwt", text="Make a signed key (JSON Web Token), where a secret is set for that.")
    parser.flag("-j", "--json", to="as_json", text="Print the access token and its key as JSON.")
    place_options(parser)


def _create(flags: Namespace) -> None:
    from msgspec import convert

    from ccledger.access.tokens import NewToken
    from ccledger.cli.token_keeper import opened_tokens

    if flags.name is None:
        raise UsageError("'token create' takes --name; 'ccledger token create --help' says more")
    more = {"form": "jwt" if flags.jwt else "key"} | ({} if flags.user is None else {"user_name": flags.user})
    with opened_tokens(*settings_from(flags)) as keeper:
        made = keeper.issue(convert(_asked(flags) | more, NewToken))
    if flags.as_json:
        write_json(made_json(made))
        return
    from ccledger.cli.token_tables import token_lines

    write("\n".join(token_lines(made.info)))
    write(f"\n{made.key}\n\nThis is the key; it is not shown again. To point Claude Code here, and paste it there:")
    write("ccledger connect --write --token-stdin")


def made_json(made: "Made") -> dict[str, Any]:
    """A new access token with its key, as JSON."""
    from msgspec.structs import asdict

    return {"id": made.info.id, "token": made.key, **asdict(made.info)}


def _declare_list(parser: Parser) -> None:
    parser.flag("-j", "--json", to="as_json", text="Print JSON, as `token/list` answers.")
    place_options(parser)


def _list(flags: Namespace) -> None:
    from ccledger.cli.token_keeper import opened_tokens

    settings, surroundings = settings_from(flags)
    with opened_tokens(settings, surroundings) as keeper:
        infos = keeper.all()
    if flags.as_json:
        from msgspec import to_builtins

        write_json({"tokens": to_builtins(infos)})
        return
    from ccledger import app
    from ccledger.cli.token_tables import token_table
    from ccledger.core.periods import zone

    write(token_table(infos, zone(app.zone_name(settings, surroundings))))


def _declare_one(parser: Parser) -> None:
    parser.word("token", metavar="TOKEN", text="Which access token: its name, its id, or how that begins.")


def _declare_set(parser: Parser) -> None:
    _declare_one(parser)
    parser.value("--name", metavar="NAME", text="What you call it from now on.")
    _declare_asked(parser)
    parser.flag("-j", "--json", to="as_json", text="Print what it is now as JSON.")
    place_options(parser)


def _set(flags: Namespace) -> None:
    from msgspec import convert

    from ccledger.access.tokens import TokenSettings
    from ccledger.cli.token_keeper import meant, opened_tokens

    asked = _asked(flags)
    if not asked:
        raise UsageError("nothing was asked for; 'ccledger token set --help' says what can be changed")
    with opened_tokens(*settings_from(flags)) as keeper:
        info = keeper.change(meant(keeper.all(), flags.token).id, convert(asked, TokenSettings))
    if flags.as_json:
        from msgspec import to_builtins

        write_json(to_builtins(info))
        return
    from ccledger.cli.token_tables import token_lines

    write("\n".join(token_lines(info)))


def _declare_end(parser: Parser) -> None:
    _declare_one(parser)
    parser.flag("-j", "--json", to="as_json", text="Print what was done as JSON.")
    place_options(parser)


def _revoke(flags: Namespace) -> None:
    from ccledger.cli.token_keeper import meant, opened_tokens

    with opened_tokens(*settings_from(flags)) as keeper:
        info = meant(keeper.all(), flags.token)
        keeper.revoke(info.id)
    _tell(flags, info.id, "revoked", f"{info.name} is revoked: its key is refused from now on. Its calls stay.")


def _delete(flags: Namespace) -> None:
    from ccledger.cli.token_keeper import meant, opened_tokens

    with opened_tokens(*settings_from(flags)) as keeper:
        info = meant(keeper.all(), flags.token)
        keeper.delete(info.id)
    _tell(flags, info.id, "deleted", f"{info.name} is deleted: its key is refused from now on. Its calls stay.")


def _tell(flags: Namespace, token_id: str, done: str, text: str) -> None:
    if flags.as_json:
        write_json({"id": token_id, done: True})
    else:
        write(text)


CREATE = Command(_declare_create, _create)
LIST = Command(_declare_list, _list)
SET = Command(_declare_set, _set)
REVOKE = Command(_declare_end, _revoke)
DELETE = Command(_declare_end, _delete)
