"""Turns the content of one message into Anthropic's blocks; it loads nothing that a link points at."""

from binascii import Error as BadBase64
from binascii import a2b_base64
from collections.abc import Callable
from typing import cast

from ccledger.wire.chat.errors import ChatRefused
from ccledger.wire.chat.fields import Json, list_at, object_at, text_at

_IMAGES = {
    "image/png": "image/png",
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
_PDF = "application/pdf"
_NATIVE = ("image", "document", "search_result")
"""Parts in Anthropic's own form; other gateways take them too."""


def text_blocks(content: object, where: str) -> list[Json]:
    """The blocks of a content that may hold nothing but text (system, developer)."""
    return _blocks(content, where, _TEXT_ONLY)


def assistant_blocks(content: object, where: str) -> list[Json]:
    """The blocks of what the model said: text and refusals."""
    return _blocks(content, where, _SAID)


def user_blocks(content: object, where: str) -> list[Json]:
    """The blocks of what a user or a tool said: text, images and files."""
    return _blocks(content, where, _SHOWN)


def _blocks(content: object, where: str, readers: dict[str, Callable[[Json, str], Json]]) -> list[Json]:
    """Blocks without the empty texts among them, which Anthropic refuses."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    parts = [_part(part, f"{where}[{i}]", readers) for i, part in enumerate(list_at(content, where))]
    return [block for block in parts if block["type"] != "text" or block["text"].strip()]


def _part(part: object, where: str, readers: dict[str, Callable[[Json, str], Json]]) -> Json:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    told = object_at(part, where)
    type_ = told.get("type")
    if type_ == "input_audio":
        raise ChatRefused("Claude does not listen to audio: send a transcript as text.", where, "unsupported_content")
    if readers is _SHOWN and type_ in _NATIVE:
        return told
    read = readers.get(str(type_))
    if read is None:
        raise ChatRefused(f"{where}.type must be one of {', '.join(readers)}.", f"{where}.type", "unsupported_content")
    return cached(read(told, where), told)


def cached(block: Json, told: Json) -> Json:
    """The block with the cache breakpoint of the part that it was made from."""
    breakpoint_ = told.get("cache_control")
    return {**block, "cache_control": breakpoint_} if isinstance(breakpoint_, dict) else block


def _text(part: Json, where: str) -> Json:
    text = part.get("text")
    if not isinstance(text, str):
        raise ChatRefused(f"{where}.text must be a text.", f"{where}.text")
    return {"type": "text", "text": text}


def _refusal(part: Json, where: str) -> Json:
    return _text({"text": part.get("refusal")}, where)


def _image(part: Json, where: str) -> Json:
    where = f"{where}.image_url"
    told = part.get("image_url")
    url = told if isinstance(told, str) else text_at(object_at(told, where).get("url"), f"{where}.url")
    if not _is_data(url):
        return {"type": "image", "source": {"type": "url", "url": _link(url, where)}}
    media, data = _data(url, where)
    if media not in _IMAGES:
        raise ChatRefused(f"{where} must be a PNG, JPEG, GIF or WebP image.", where, "unsupported_content")
    return {"type": "image", "source": {"type": "base64", "media_type": _IMAGES[media], "data": data}}


def _file(part: Json, where: str) -> Json:
    where = f"{where}.file"
    told = object_at(part.get("file"), where)
    block: Json = {"type": "document", "source": _file_source(told, where)}
    name = told.get("filename")
    return {**block, "title": name} if isinstance(name, str) and name else block


def _file_source(told: Json, where: str) -> Json:
    if told.get("file_id"):
        return {"type": "file", "file_id": text_at(told["file_id"], f"{where}.file_id")}
    where = f"{where}.file_data"
    data = text_at(told.get("file_data"), where)
    if data.startswith(("https://", "http://")):
        return {"type": "url", "url": _link(data, where)}
    media, encoded = _data(data, where) if _is_data(data) else (_PDF, data)
    if media == _PDF:
        return {"type": "base64", "media_type": _PDF, "data": encoded}
    if media.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": _decoded(encoded, where)}
    raise ChatRefused(f"{where} must be a PDF or a text.", where, "unsupported_content")


def _is_data(url: str) -> bool:
    return url[:5].lower() == "data:"


def _data(url: str, where: str) -> tuple[str, str]:
    """Media type and base64 text of a `data:` URL."""
    head, comma, data = url[5:].partition(",")
    media, *settings = (word.strip().lower() for word in head.split(";"))
    if not comma or not data or "base64" not in settings:
        raise ChatRefused(f"{where} must be a data URL in base64: data:<type>;base64,<data>.", where)
    return media, data


def _link(url: str, where: str) -> str:
    if not url.startswith("https://"):
        raise ChatRefused(f"{where} must be an https or a data URL.", where)
    return url


def _decoded(encoded: str, where: str) -> str:
    try:
        return a2b_base64(encoded).decode()
    except (BadBase64, UnicodeError) as problem:
        raise ChatRefused(f"{where} must be UTF-8 text in base64.", where) from problem


_TEXT_ONLY: dict[str, Callable[[Json, str], Json]] = {"text": _text}
_SAID: dict[str, Callable[[Json, str], Json]] = {"text": _text, "refusal": _refusal}
_SHOWN: dict[str, Callable[[Json, str], Json]] = {"text": _text, "image_url": _image, "file": _file}


def thinking_blocks(message: Json) -> list[Json]:
    """What the model thought, as an earlier answer gave it: only blocks that it can check (signed or sealed)."""
    told = message.get("thinking_blocks")
    found = cast("list[object]", told) if isinstance(told, list) else []
    return [block for block in map(_thought, found) if block is not None]


def _thought(value: object) -> Json | None:
    if not isinstance(value, dict):
        return None
    told = cast("Json", value)
    if told.get("type") == "redacted_thinking" and isinstance(told.get("data"), str):
        return {"type": "redacted_thinking", "data": told["data"]}
    signed = told.get("type") == "thinking" and isinstance(told.get("signature"), str) and told["signature"]
    if not signed or not isinstance(told.get("thinking"), str):
        return None
    return {"type": "thinking", "thinking": told["thinking"], "signature": told["signature"]}
