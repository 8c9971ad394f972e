"""What the small integer ids stand for that calls are told apart by; it knows no call, and costs nothing to import."""

from enum import IntEnum
from typing import Final

from ccledger.core.measures import Axis, Dimension


class Kind(IntEnum):
    """What a text in the table `name` is; the number is stored."""

    MODEL = 1
    SESSION = 2
    BRANCH = 3
    AGENT = 4
    ACCESS_TOKEN = 5
    ACCOUNT = 6
    USER = 7
    MODE = 8
    ENDPOINT = 9


KINDS: Final = {
    Axis.MODEL: Kind.MODEL,
    Axis.SESSION: Kind.SESSION,
    Axis.ACCESS_TOKEN: Kind.ACCESS_TOKEN,
    Axis.ACCOUNT: Kind.ACCOUNT,
    Axis.USER: Kind.USER,
}
"""What the texts on an axis are."""
AXES: Final = {
    Dimension.ACCESS_TOKEN: Axis.ACCESS_TOKEN,
    Dimension.ACCOUNT: Axis.ACCOUNT,
    Dimension.USER: Axis.USER,
    Dimension.PROJECT: Axis.PROJECT,
    Dimension.SOURCE: Axis.SOURCE,
}
"""What the keys of a dimension are on."""
NAMED: Final = (
    ("model", Kind.MODEL.value, "model_id"),
    ("session", Kind.SESSION.value, "session_id"),
    ("access_token", Kind.ACCESS_TOKEN.value, "token_id"),
    ("account", Kind.ACCOUNT.value, "account_id"),
    ("user", Kind.USER.value, "user_id"),
    ("mode", Kind.MODE.value, "mode_id"),
    ("endpoint", Kind.ENDPOINT.value, "endpoint_id"),
)
"""What is wanted by name, with the column that holds the name's id."""
KEYED: Final = (
    ("access_token", Kind.ACCESS_TOKEN.value, Dimension.ACCESS_TOKEN.value),
    ("user", Kind.USER.value, Dimension.USER.value),
    ("account", Kind.ACCOUNT.value, Dimension.ACCOUNT.value),
)
"""What has sums of its own, the most telling first."""


def project_name(path: str | None, folder: str | None) -> str:
    """What a project is called: its path, or its transcripts' directory where the path is not known."""
    return path or folder or ""
