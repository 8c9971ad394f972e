"""`ccledger account add`, `list`, `set`, `check` …: keeps upstream accounts; it shows no credential, calls no model."""

from argparse import ArgumentTypeError, Namespace
from typing import TYPE_CHECKING, Any, Final

from ccledger.cli.options import a_count, place_options, settings_from
from ccledger.cli.output import write, write_json
from ccledger.cli.parser import Command, Parser
from ccledger.core.access import AccountType
from ccledger.core.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from ccledger.api.account_words import AccountInfo
    from ccledger.cli.account_keeper import AccountKeeper

_NONE: Final = "none"
_BILLING: Final = ("api", "subscription")
_SECRET_NAMES: Final = {
    AccountType.API_KEY: "API key",
    AccountType.OAUTH: "bearer",
    AccountType.SESSION_KEY: "session key",
}


def a_limit(text: str) -> int | None:
    """A whole number from 1, None for `none`."""
    if text == _NONE:
        return None
    try:
        return a_count(text)
    except ArgumentTypeError:
        raise ArgumentTypeError(f"takes a whole number from 1, or {_NONE}, not '{text}'") from None


def a_number(text: str) -> int:
    """A whole number."""
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"takes a whole number, not '{text}'") from None


def a_billing(text: str) -> str:
    """How an account is paid for."""
    if text not in _BILLING:
        raise ArgumentTypeError(f"takes {' or '.join(_BILLING)}, not '{text}'")
    return text


def a_proxy(text: str) -> str:
    """A proxy's URL without a password: other users of the machine can see arguments."""
    if "@" in text:
        raise ArgumentTypeError("takes no user and password; give such a URL with --proxy-url-stdin")
    return "" if text == _NONE else text


def _declare_asked(parser: Parser) -> None:
    """What may be asked of a new account and of any other."""
    parser.value("--base-url", metavar="URL", text="Its API; without it https://api.anthropic.com.")
    parser.value("--proxy-url", metavar="URL", read=a_proxy, text="An HTTP proxy to go through, or none.")
    parser.flag("--proxy-url-stdin", text="Read the proxy's URL from standard input, on the line after the credential.")
    parser.flag("--secret-stdin", text="Read the credential from standard input.")
    parser.value("--organization", metavar="ID", text="Of a session key: the organization to use.")
    parser.value("--billing", metavar="KIND", read=a_billing, text="How it is paid for: api or subscription.")
    parser.value("--weight", metavar="NUMBER", read=a_count, text="Its share among accounts of the same priority.")
    parser.value("--priority", metavar="NUMBER", read=a_number, text="Accounts of a lower number are asked first.")
    parser.value("--concurrency", metavar="NUMBER", read=a_limit, default=..., text="Calls open at once, or none.")


def _asked(flags: Namespace) -> dict[str, Any]:
    """What was asked for, as the API calls it, but for what comes by standard input; what was not is not there."""
    given = {
        "name": flags.name,
        "base_url": flags.base_url,
        "proxy_url": flags.proxy_url,
        "organization_id": flags.organization,
        "billing": flags.billing,
        "weight": flags.weight,
        "priority": flags.priority,
    }
    asked: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return asked if flags.concurrency is ... else asked | {"concurrency": flags.concurrency}


def _secrets(flags: Namespace, kind: str, *, ask: bool) -> dict[str, Any]:
    """What comes by standard input, or, where it must be there and does not, from somebody at the terminal."""
    from ccledger.cli.secret_input import ask_person, read_lines

    from_input = flags.secret_stdin or getattr(flags, "api_key_stdin", False)
    lines = read_lines() if from_input or flags.proxy_url_stdin else []
    if len(lines) != from_input + flags.proxy_url_stdin:
        raise UsageError(f"standard input has {len(lines)} lines where {from_input + flags.proxy_url_stdin} are needed")
    secrets = {"proxy_url": lines.pop()} if flags.proxy_url_stdin else {}
    if from_input or ask:
        text = lines[0] if from_input else ask_person(_SECRET_NAMES[AccountType(kind)])
        secrets |= _credential(text, kind)
    return secrets


def _credential(text: str, kind: str) -> dict[str, Any]:
    from ccledger.api.account_words import SECRETS
    from ccledger.cli.secret_input import parse_credential

    if kind != AccountType.OAUTH:
        return {SECRETS[AccountType(kind)]: text}
    given = parse_credential(text)
    return {"access_token": given.secret, "refresh_token": given.refresh_token, "expires_at": given.expires_at}


def _declare_add(parser: Parser) -> None:
    parser.value("--name", metavar="NAME", text="What you call it.")
    parser.choice(
        "--type", accepted=tuple(AccountType), default=AccountType.API_KEY, text="What kind of credential it has."
    )
    parser.flag("--api-key-stdin", text="Read the API key from standard input.")
    _declare_asked(parser)
    parser.flag("-j", "--json", to="as_json", text="Print the account as JSON.")
    place_options(parser)
    parser.remarks.append(
        "Type oauth takes the bearer that 'claude setup-token' prints, or all of Claude Code's .credentials.json."
    )


def _add(flags: Namespace) -> None:
    from msgspec import ValidationError, convert

    from ccledger.api.account_words import NEW_ACCOUNTS
    from ccledger.cli.account_keeper import opened_accounts

    if flags.name is None:
        raise UsageError("'account add' takes --name; 'ccledger account add --help' says more")
    if flags.api_key_stdin and flags.type != AccountType.API_KEY:
        raise UsageError(f"an account of type {flags.type} has no API key; use --secret-stdin")
    asked = _asked(flags) | _secrets(flags, flags.type, ask=True)
    try:
        order = convert(asked, NEW_ACCOUNTS[AccountType(flags.type)])
    except ValidationError as error:
        raise UsageError(f"an account of type {flags.type} does not take this: {error}") from None
    with opened_accounts(*settings_from(flags)) as keeper:
        added = keeper.add(order)
    _show_one(flags, added)
    if not flags.as_json:
        write(f"\nTo see whether its upstream takes the credential: ccledger account check {added.id}")


def _show_one(flags: Namespace, info: "AccountInfo") -> None:
    if flags.as_json:
        from msgspec import to_builtins

        write_json(to_builtins(info))
        return
    from ccledger.cli.account_tables import account_lines

    write("\n".join(account_lines(info)))


def _declare_list(parser: Parser) -> None:
    parser.flag("-j", "--json", to="as_json", text="Print JSON, as `account/list` answers.")
    place_options(parser)


def _list(flags: Namespace) -> None:
    from ccledger.cli.account_keeper import opened_accounts

    settings, surroundings = settings_from(flags)
    with opened_accounts(settings, surroundings) as keeper:
        infos = keeper.all()
    if flags.as_json:
        from msgspec import to_builtins

        write_json(to_builtins(infos))
        return
    from ccledger import app
    from ccledger.cli.account_tables import account_table
    from ccledger.core.periods import zone

    write(account_table(infos, zone(app.zone_name(settings, surroundings))))


def _declare_one(parser: Parser) -> None:
    parser.word("account", metavar="ACCOUNT", text="Which account: its name or its id.")


def _declare_done(parser: Parser) -> None:
    _declare_one(parser)
    parser.flag("-j", "--json", to="as_json", text="Print JSON.")
    place_options(parser)


def _show(flags: Namespace) -> None:
    from ccledger.cli.account_keeper import meant, opened_accounts

    with opened_accounts(*settings_from(flags)) as keeper:
        info = meant(keeper.all(), flags.account)
    _show_one(flags, info)


def _declare_set(parser: Parser) -> None:
    _declare_one(parser)
    parser.value("--name", metavar="NAME", text="What you call it from now on.")
    _declare_asked(parser)
    parser.flag("-j", "--json", to="as_json", text="Print what it is now as JSON.")
    place_options(parser)


def _set(flags: Namespace) -> None:
    from ccledger.cli.account_keeper import meant, opened_accounts

    asked = _asked(flags)
    if not asked and not flags.secret_stdin and not flags.proxy_url_stdin:
        raise UsageError("nothing was asked for; 'ccledger account set --help' says what can be changed")
    with opened_accounts(*settings_from(flags)) as keeper:
        info = meant(keeper.all(), flags.account)
        changed = _change(keeper, info, asked | _secrets(flags, info.type, ask=False))
    _show_one(flags, changed)


def _change(keeper: "AccountKeeper", info: "AccountInfo", asked: dict[str, Any]) -> "AccountInfo":
    from msgspec import ValidationError, convert

    from ccledger.api.account_words import AccountSettings

    try:
        return keeper.change(info, convert(asked, AccountSettings))
    except ValidationError as error:
        raise UsageError(f"an account does not take this: {error}") from None


def _activate(flags: Namespace) -> None:
    _switch(flags, {"is_active": True}, "activated: it is given calls again.")


def _deactivate(flags: Namespace) -> None:
    _switch(flags, {"is_active": False}, "deactivated: it is given no more calls.")


def _switch(flags: Namespace, asked: dict[str, Any], done: str) -> None:
    from ccledger.cli.account_keeper import meant, opened_accounts

    with opened_accounts(*settings_from(flags)) as keeper:
        info = _change(keeper, meant(keeper.all(), flags.account), asked)
    if flags.as_json:
        _show_one(flags, info)
    else:
        write(f"{info.name} is {done}")


def _delete(flags: Namespace) -> None:
    from ccledger.cli.account_keeper import meant, opened_accounts

    with opened_accounts(*settings_from(flags)) as keeper:
        info = meant(keeper.all(), flags.account)
        keeper.delete(info)
    if flags.as_json:
        write_json({"id": info.id, "deleted": True})
    else:
        write(f"{info.name} is deleted, and its credential with it. Its calls stay.")


def _check(flags: Namespace) -> None:
    from ccledger.cli.account_keeper import meant, opened_accounts

    with opened_accounts(*settings_from(flags)) as keeper:
        info = meant(keeper.all(), flags.account)
        found = keeper.check(info)
    if flags.as_json:
        write_json({"id": info.id, "status": found.status, "message": found.message})
    elif found.status != "unhealthy":
        write(f"{info.name}: {found.message}")
    if found.status == "unhealthy":
        raise LedgerError(f"{info.name} is unhealthy: {found.message}")


def _refresh(flags: Namespace) -> None:
    from ccledger.cli.account_keeper import meant, opened_accounts

    with opened_accounts(*settings_from(flags)) as keeper:
        info = meant(keeper.all(), flags.account)
        done = keeper.refresh(info)
    if flags.as_json:
        write_json({"id": info.id, "expires_at": done.expires_at})
    else:
        write(f"{info.name} has a new bearer{f', until {done.expires_at}' if done.expires_at else ''}.")


ADD = Command(_declare_add, _add)
LIST = Command(_declare_list, _list)
SHOW = Command(_declare_done, _show)
SET = Command(_declare_set, _set)
CHECK = Command(_declare_done, _check)
REFRESH = Command(_declare_done, _refresh)
ACTIVATE = Command(_declare_done, _activate)
DEACTIVATE = Command(_declare_done, _deactivate)
DELETE = Command(_declare_done, _delete)
