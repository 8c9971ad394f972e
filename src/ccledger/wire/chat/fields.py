"""Takes fields out of a decoded request, or says which one is not what it should be; it gives nothing a meaning."""

from typing import Any, TypeVar, cast

from ccledger.wire.chat.errors import ChatRefused

Json = dict[str, Any]
_T = TypeVar("_T")


def object_at(value: object, where: str) -> Json:
    """The value if it is an object; refused otherwise."""
    if not isinstance(value, dict):
        raise ChatRefused(f"{where} must be an object.", where)
    return cast("Json", value)


def object_or_nothing(value: object) -> Json:
    """The value if it is an object, an empty one otherwise: for what may be left out when it makes no sense."""
    return cast("Json", value) if isinstance(value, dict) else {}


def list_at(value: object, where: str) -> list[Any]:
    """The value if it is a list, [] for null; refused otherwise."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ChatRefused(f"{where} must be a list.", where)
    return cast("list[Any]", value)


def text_at(value: object, where: str) -> str:
    """The value if it is a text that is not empty; refused otherwise."""
    if not isinstance(value, str) or not value:
        raise ChatRefused(f"{where} must be a text that is not empty.", where)
    return value


def number_at(value: object, where: str) -> float | None:
    """The value if it is a number, None for null; refused otherwise."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ChatRefused(f"{where} must be a number.", where)
    return value


def count_at(value: object, where: str) -> int | None:
    """The value if it is a whole number above zero, None for null; refused otherwise."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ChatRefused(f"{where} must be a whole number above zero.", where)
    return value


def choice_at(value: object, choices: dict[str, _T], where: str) -> _T:
    """What a word stands for; refused when it is none of the choices."""
    if isinstance(value, str) and value in choices:
        return choices[value]
    raise ChatRefused(f"{where} must be one of {', '.join(choices)}.", where)
