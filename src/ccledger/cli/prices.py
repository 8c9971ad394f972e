"""`ccledger price list`, `set`, `unset` and `reprice`: shows prices and changes them; it prices no call itself."""

import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from ccledger.cli.keeper import Keeper, opened
from ccledger.cli.options import a_count, a_date, place_options, settings_from
from ccledger.cli.output import note, write, write_json
from ccledger.cli.parser import Command, Parser
from ccledger.core.errors import UsageError
from ccledger.core.periods import midnight_ms, moment, zone

if TYPE_CHECKING:
    from ccledger.core.prices import Card, Override, PriceBook
    from ccledger.ledger.store import Slice, Store
    from ccledger.stats.pricing import Difference

_WRITE_5M, _WRITE_1H, _READ = Decimal("1.25"), Decimal(2), Decimal("0.1")
"""What caching usually costs, in prices of plain input."""
_DEAREST, _DIGITS = 1_000_000, 6
_ONE_DAY = timedelta(days=1)
_END_OF_TIME = 1 << 42


def a_price(text: str) -> Decimal:
    """US dollars per million tokens, exactly."""
    try:
        price = Decimal(text)
        is_price = 0 <= price <= _DEAREST and price == round(price, _DIGITS)
    except ArithmeticError:
        is_price = False
    if not is_price:
        raise ArgumentTypeError(
            f"takes US dollars per million tokens, 0 to {_DEAREST} with at most {_DIGITS} decimals, not '{text}'"
        )
    return Decimal(text)


def _declare_list(parser: Parser) -> None:
    parser.value("-m", "--model", metavar="MODEL", text="Only this model, with everything it ever cost.")
    parser.value("--at", metavar="DATE", read=a_date, text="What held at the beginning of this day (UTC).")
    parser.flag("-j", "--json", to="as_json", text="Print JSON, as `cost/pricing` answers.")
    place_options(parser)


def _list(flags: Namespace) -> None:
    from ccledger import app
    from ccledger.stats.pricing import pricing
    from ccledger.stats.spent import spent_ever

    settings, surroundings = settings_from(flags)
    at = app.clock() if flags.at is None else _start_of(flags.at)
    with opened(settings, surroundings) as (store, _):
        prices = app.prices_of(store)
        book = prices.book()
        told = pricing(book, prices.overrides(), at, spent_ever(store))
    if flags.model is not None:
        name = _known(book, flags.model)
        told = type(told)({name: told.models[name]}, [])
    if flags.as_json:
        from msgspec import to_builtins

        write_json(to_builtins(told))
        return
    from ccledger.cli.price_tables import price_table

    write(price_table(told, moment(at).date(), whole=flags.model is not None))


def _known(book: "PriceBook", asked: str) -> str:
    model = book.find(asked)
    if model is None:
        raise UsageError(f"'{asked}' has no price; 'ccledger price list' shows what has, 'price set' sets one")
    return model.name


def _declare_set(parser: Parser) -> None:
    parser.word("model", metavar="MODEL", text="The model, as calls name it.")
    parser.value("--input", metavar="USD", read=a_price, text="Plain input, in US dollars per million tokens.")
    parser.value("--output", metavar="USD", read=a_price, text="Output, thinking included.")
    parser.value(
        "--cache-write", metavar="USD", read=a_price, text="Cache writes for 5 minutes; without it 1.25 × input."
    )
    parser.value("--cache-write-1h", metavar="USD", read=a_price, text="Those for an hour; without it 2 × input.")
    parser.value("--cache-read", metavar="USD", read=a_price, text="Cache reads; without it 0.1 × input.")
    parser.value("--from", metavar="DATE", read=a_date, text="The first day (UTC) on which these prices hold.")
    parser.value("--to", metavar="DATE", read=a_date, text="The last day, included; without it for ever.")
    parser.value("--long-over", metavar="TOKENS", read=a_count, text="Prompts longer than this have other prices:")
    parser.value("--long-input", metavar="USD", read=a_price, text="their input (cache prices follow from it),")
    parser.value("--long-output", metavar="USD", read=a_price, text="their output.")
    parser.value("--source", metavar="TEXT", text="Where you read the prices.", default="")
    parser.flag("-y", "--yes", text="Do not ask when a price is more than 3 times the shipped one, or below a third.")
    parser.flag("-j", "--json", to="as_json", text="Print what was set as JSON.")
    place_options(parser)


def _set(flags: Namespace) -> None:
    from ccledger import app
    from ccledger.cli.price_tables import card_json, card_lines

    settings, surroundings = settings_from(flags)
    _check_set(flags)
    with opened(settings, surroundings) as (store, keeper):
        book = app.prices_of(store).book()
        override = _override(flags, book, app.clock(), _user(surroundings.environment))
        _ask_about_jumps(app.price_book(), override, is_sure=flags.yes)
        keeper.override(override)
        booked = _calls_in(store, book, override)
    if flags.as_json:
        write_json(card_json(override))
        return
    write("\n".join(card_lines(override)))
    if booked:
        since, model = getattr(flags, "from"), override.model
        write(f"Calls that are booked keep their cost: ccledger price reprice --since {since} --model {model}")


def _check_set(flags: Namespace) -> None:
    for name in ("input", "output", "from"):
        if getattr(flags, name) is None:
            raise UsageError(f"'price set' takes --{name}; 'ccledger price set --help' says more")
    if flags.to is not None and flags.to < getattr(flags, "from"):
        raise UsageError("--to lies before --from")
    given = [getattr(flags, name) is not None for name in ("long_over", "long_input", "long_output")]
    if any(given) and not all(given):
        raise UsageError("long prompts take --long-over, --long-input and --long-output together")


def _override(flags: Namespace, book: "PriceBook", now: int, by: str) -> "Override":
    from ccledger.core.prices import FOREVER, Override, Period

    period = Period(
        start=_start_of(getattr(flags, "from")),
        end=FOREVER if flags.to is None else _start_of(flags.to + _ONE_DAY),
        card=_card(flags.input, flags.output, flags.cache_write, flags.cache_write_1h, flags.cache_read),
        source=flags.source or f"set by {by}",
        long_over=flags.long_over,
        long_card=None if flags.long_over is None else _card(flags.long_input, flags.long_output, None, None, None),
    )
    return Override(book.listed_name(flags.model), period, now, by)


def _card(
    fresh: Decimal, output: Decimal, write_5m: Decimal | None, write_1h: Decimal | None, read: Decimal | None
) -> "Card":
    from ccledger.core.prices import Card

    derived = (fresh * _WRITE_5M, fresh * _WRITE_1H, fresh * _READ)
    given = (write_5m, write_1h, read)
    cached = [_short(own) if price is None else price for own, price in zip(derived, given, strict=True)]
    return Card((fresh, output, *cached))


def _short(price: Decimal) -> Decimal:
    """A price with no more decimals than it needs, and may have."""
    return Decimal(f"{round(price, _DIGITS).normalize():f}")


def _start_of(day: date) -> int:
    return midnight_ms(day, UTC)


def _user(environment: Mapping[str, str]) -> str:
    return environment.get("USER") or environment.get("LOGNAME") or "command line"


def _ask_about_jumps(shipped: "PriceBook", override: "Override", *, is_sure: bool) -> None:
    from ccledger.stats.pricing import JUMP, jumps

    found = jumps(shipped, override)
    if not found or is_sure:
        return
    text = f"{override.model}: {', '.join(found)}; that is more than {JUMP} times off"
    if not _is_meant(f"{text}. Set it?"):
        raise UsageError(f"{text}; nothing was set. If it is meant, say --yes")


def _is_meant(question: str) -> bool:
    """Whether somebody at a terminal says yes."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _calls_in(store: "Store", book: "PriceBook", override: "Override") -> bool:
    """Whether calls may have been booked by other prices."""
    from ccledger.stats.pricing import models_meant
    from ccledger.stats.spent import spent_ever

    last = store.summary().last_at
    is_late = last is not None and last >= override.period.start
    return is_late and bool(models_meant(book, [override.model], spent_ever(store)))


def _declare_unset(parser: Parser) -> None:
    parser.word("model", metavar="MODEL", text="The model, as calls name it.")
    parser.value("--from", metavar="DATE", read=a_date, text="Only the prices set from this day on; without it all.")
    parser.flag("-j", "--json", to="as_json", text="Print what was done as JSON.")
    place_options(parser)


def _unset(flags: Namespace) -> None:
    from ccledger import app

    settings, surroundings = settings_from(flags)
    start = None if getattr(flags, "from") is None else _start_of(getattr(flags, "from"))
    with opened(settings, surroundings) as (store, keeper):
        model = app.prices_of(store).book().listed_name(flags.model)
        count = keeper.withdraw(model, start, _user(surroundings.environment))
    if not count:
        raise UsageError(f"nothing like that was set for {model}; 'ccledger price list --model {model}' shows what was")
    if flags.as_json:
        write_json({"model": model, "withdrawn": count})
        return
    write(f"{model}: {count} set {'price' if count == 1 else 'prices'} taken away.")
    write(f"Calls that are booked keep their cost: ccledger price reprice --model {model}")


def _declare_reprice(parser: Parser) -> None:
    parser.value("-s", "--since", metavar="DATE", read=a_date, text="First day (YYYY-MM-DD or YYYYMMDD).")
    parser.value("-u", "--until", metavar="DATE", read=a_date, text="Last day, included.")
    parser.values("--model", metavar="MODEL", to="models", text="Only calls of this model. May be repeated.")
    parser.flag("-y", "--yes", text="Correct the calls without asking.")
    parser.flag("-j", "--json", to="as_json", text="Print JSON; without --yes nothing is changed.")
    place_options(parser)


def _reprice(flags: Namespace) -> None:
    from ccledger import app
    from ccledger.cli.price_tables import difference_json, difference_table
    from ccledger.stats.pricing import differences

    settings, surroundings = settings_from(flags)
    with opened(settings, surroundings) as (store, keeper):
        book = app.prices_of(store).book()
        part = _slice(flags, store, book)
        found = differences(store, book, part)
        if not flags.as_json:
            write(difference_table(found) if found else "Nothing would change.")
        is_meant = bool(found) and (flags.yes or (not flags.as_json and _is_meant("Correct these calls?")))
        if is_meant:
            _correct(keeper, part, _what(flags), _user(surroundings.environment))
        _say_limits(store, part)
    if flags.as_json:
        write_json({**difference_json(found), "applied": is_meant})
    elif found:
        write(_ended(found, is_meant=is_meant))


def _slice(flags: Namespace, store: "Store", book: "PriceBook") -> "Slice":
    from ccledger.ledger.store import Slice
    from ccledger.stats.pricing import models_meant
    from ccledger.stats.spent import spent_ever

    tz = zone(store.zone())
    start = 0 if flags.since is None else midnight_ms(flags.since, tz)
    end = _END_OF_TIME if flags.until is None else midnight_ms(flags.until + _ONE_DAY, tz)
    if start >= end:
        raise UsageError("--until lies before --since")
    models = models_meant(book, flags.models, spent_ever(store)) if flags.models else None
    return Slice(start, end, models)


def _what(flags: Namespace) -> str:
    words = [f"from {flags.since}" if flags.since else "", f"to {flags.until}" if flags.until else "", *flags.models]
    return " ".join(["priced calls anew", *filter(None, words)])


def _correct(keeper: Keeper, part: "Slice", what: str, by: str) -> None:
    change = keeper.begin_repricing(what, by)
    reached: int | None = -1
    while reached is not None:
        reached = keeper.step(change, part, reached)


def _say_limits(store: "Store", part: "Slice") -> None:
    horizon = store.horizon()
    if part.start < horizon:
        day = datetime.fromtimestamp(horizon / 1000, zone(store.zone())).date()
        note(f"calls before {day} are kept as sums only; what they cost stays as it is")


def _ended(found: "dict[str, Difference]", *, is_meant: bool) -> str:
    calls = sum(row.calls for row in found.values())
    return f"{calls:,} calls corrected." if is_meant else "Nothing was changed; --yes corrects these calls."


LIST = Command(_declare_list, _list)
SET = Command(_declare_set, _set)
UNSET = Command(_declare_unset, _unset)
REPRICE = Command(_declare_reprice, _reprice)
