"""`ccledger connect`: points Claude Code or an SDK at the gateway, and back again; it starts neither."""

import os
import shlex
import sys
from argparse import ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from ccledger.cli.options import place_options, settings_from
from ccledger.cli.output import note, write, write_json
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import LedgerError, UsageError

_ENV: Final = "env"
_ADDRESS: Final = "ANTHROPIC_BASE_URL"
_KEY: Final = "ANTHROPIC_AUTH_TOKEN"
_BACKUP: Final = ".before-ccledger-connect"
"""What the name of the copy ends in. The status line keeps one of its own."""
_OURS: Final = "ccl-"
_REACHED: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on is no address to go to
_OWNER_ONLY: Final = 0o700
_LONGEST_KEY: Final = 4096
_LONGEST_NAME: Final = 100


class _Shown(NamedTuple):
    """A key that is shown to the gateway, and what it is called where we have just issued it."""

    key: str
    token_id: str | None = None
    name: str | None = None


def an_address(text: str) -> str:
    """The address of a gateway, without a slash at its end."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    else:
        is_address = is_address and text.isprintable() and not {"@", "?", "#", " "} & set(text)
    if not is_address:
        raise ArgumentTypeError("takes an address such as http://127.0.0.1:51888, without a name or a password in it")
    return text.rstrip("/")


def _declare(parser: Parser) -> None:
    parser.flag("--write", text="Set it in Claude Code's settings.json, and nothing else in there.")
    parser.flag("--undo", text="Take it out of there again; what was there before comes back.")
    parser.flag("--token-stdin", text="Use the key that is piped in instead of issuing one.")
    parser.value("--address", metavar="URL", read=an_address, text="Where the gateway answers, if not on this machine.")
    parser.flag("-j", "--json", to="as_json", text="Print JSON; with --write it leaves the key out.")
    place_options(parser)


def _connect(flags: Namespace) -> None:
    if flags.write and flags.undo:
        raise UsageError("--write and --undo ask for opposite things; give one of them")
    if flags.undo:
        _undo(flags)
    elif flags.write:
        _write_settings(flags)
    else:
        _print(flags)


def _print(flags: Namespace) -> None:
    address = _address(flags)
    shown = _shown(flags)
    environment = {
        _ADDRESS: address,
        _KEY: shown.key,
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_API_KEY": shown.key,
    }
    if flags.as_json:
        write_json({"id": shown.token_id, "name": shown.name, "env": environment})
        return
    write("\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment.items()))
    _tell_issued(shown)


def _tell_issued(shown: _Shown) -> None:
    if shown.name is not None and shown.token_id is not None:
        note(f"issued the key '{shown.name}'; 'ccledger token revoke {shown.token_id}' ends it")


def _address(flags: Namespace) -> str:
    """Where the gateway answers: as was said, as the running server says, else as the settings say."""
    from ccledger.cli.running import address_of_server

    settings, _ = settings_from(flags)
    address = flags.address or address_of_server(settings)
    if address is not None:
        return address
    if not settings.port:
        raise UsageError("the server takes any free port, so start it first, or say --address")
    host = _REACHED.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _shown(flags: Namespace) -> _Shown:
    """The key that was piped in, else a new one."""
    if flags.token_stdin:
        return _Shown(_piped_key())
    from ccledger.access.tokens import NewToken
    from ccledger.cli.token_keeper import opened_tokens

    settings, surroundings = settings_from(flags)
    user = surroundings.environment.get("USER") or surroundings.environment.get("LOGNAME") or "somebody"
    name = f"{user}@{os.uname().nodename}"[:_LONGEST_NAME]
    with opened_tokens(settings, surroundings) as keeper:
        made = keeper.issue(NewToken(name=name, note="issued by 'ccledger connect'"))
    return _Shown(made.key, made.info.id, made.info.name)


def _is_good(flags: Namespace, key: str) -> bool:
    """Whether a key of ours still lets somebody in; it may have been revoked or deleted, or be of another gateway."""
    from ccledger.cli.token_keeper import opened_tokens

    if not _is_word(key):
        return False
    with opened_tokens(*settings_from(flags)) as keeper:
        return keeper.is_good(key)


def _is_word(key: str) -> bool:
    return 0 < len(key) <= _LONGEST_KEY and key.isascii() and key.isprintable() and " " not in key


def _piped_key() -> str:
    key = "" if sys.stdin is None else sys.stdin.readline(_LONGEST_KEY + 2).strip()
    if not _is_word(key):
        raise UsageError("--token-stdin takes the key in one line on standard input")
    return key


class _Claude(NamedTuple):
    """Claude Code's settings as they are now."""

    path: Path
    text: str
    told: "dict[str, Any]"

    @property
    def environment(self) -> "dict[str, Any]":
        """What Claude Code puts into its environment."""
        told = self.told.get(_ENV, {})
        if not isinstance(told, dict):
            raise LedgerError(f"{self.path} holds no variables under '{_ENV}'; mend it first, nothing was changed")
        return cast("dict[str, Any]", told)

    @property
    def copy(self) -> Path:
        """Where it is kept how they were before."""
        return self.path.with_name(self.path.name + _BACKUP)

    @property
    def own_key(self) -> str | None:
        """The key of ours that Claude Code shows."""
        key = self.environment.get(_KEY)
        return key if isinstance(key, str) and key.startswith(_OURS) else None

    @property
    def is_connected(self) -> bool:
        """Whether Claude Code shows a key of ours, or we have put another one there."""
        return self.own_key is not None or self.copy.exists()


def _claude(flags: Namespace) -> _Claude:
    from ccledger.cli.claude_settings import parse, read_text, settings_path

    path = settings_path(flags)
    text = read_text(path)
    return _Claude(path, text, parse(text, path))


def _write_settings(flags: Namespace) -> None:
    from ccledger.cli.claude_settings import keep_copy, mode_of, replace_text, with_values

    claude, address = _claude(flags), _address(flags)
    known = None if flags.token_stdin else claude.own_key
    if known is not None and flags.address is None and not _is_good(flags, known):
        note("the key that was there lets nobody in any more, so there is a new one")
        known = None
    is_kept = known == claude.own_key and not flags.token_stdin
    if claude.is_connected and claude.environment.get(_ADDRESS) == address and is_kept:
        _tell(flags, claude, address, f"{claude.path} points at {address} already.")
        return
    shown = _shown(flags) if known is None else _Shown(known)
    mode = mode_of(claude.path) & _OWNER_ONLY
    if not claude.is_connected:
        keep_copy(claude.copy, claude.text or "{}\n", mode)
    changed = with_values(claude.text, _ENV, {_ADDRESS: address, _KEY: shown.key})
    replace_text(claude.path, claude.text, changed, mode)
    _tell_issued(shown)
    _tell(flags, claude, address, f"{claude.path} points at {address} now. Claude Code uses it from its next start on.")


def _tell(flags: Namespace, claude: _Claude, address: str, text: str) -> None:
    if flags.as_json:
        write_json({"path": str(claude.path), "address": address})
    else:
        write(text)


def _undo(flags: Namespace) -> None:
    from ccledger.cli.claude_settings import mode_of, replace_text, with_values, without_entry

    claude = _claude(flags)
    if not claude.is_connected:
        _tell_undone(flags, claude, f"{claude.path} is not pointed at a gateway of ours; nothing was changed.")
        return
    before = _environment_before(claude.copy)
    values = {name: (before or {}).get(name) for name in (_ADDRESS, _KEY)}
    changed = with_values(claude.text, _ENV, values)
    if before is None and set(claude.environment) <= set(values):
        changed = without_entry(changed, _ENV)
    replace_text(claude.path, claude.text, changed, mode_of(claude.path))
    claude.copy.unlink(missing_ok=True)
    _tell_undone(flags, claude, f"{claude.path} is as it was. The key still works; 'ccledger token list' shows it.")


def _tell_undone(flags: Namespace, claude: _Claude, text: str) -> None:
    if flags.as_json:
        write_json({"path": str(claude.path)})
    else:
        write(text)


def _environment_before(copy: Path) -> "dict[str, Any] | None":
    """What Claude Code was told to put into its environment before; None when it was told nothing."""
    from ccledger.cli.claude_settings import parse, read_text

    try:
        return parse(read_text(copy), copy).get(_ENV)
    except LedgerError:
        note(f"{copy} can't be read, so nothing earlier comes back")
        return None


CONNECT = Command(_declare, _connect)
