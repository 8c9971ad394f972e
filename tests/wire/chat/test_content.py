"""Parts of a message: text, images, files, and what Claude can't take."""

from base64 import b64encode
from typing import Any

import pytest

from ccledger.wire.chat.content import assistant_blocks, text_blocks, user_blocks
from ccledger.wire.chat.errors import ChatRefused

Json = dict[str, Any]
PNG = "iVBORw0KGgo="
PDF = b64encode(b"%PDF-1.7").decode()


def image(url: object) -> Json:
    return {"type": "image_url", "image_url": url}


def file(**fields: object) -> Json:
    return {"type": "file", "file": fields}


def source(**fields: object) -> Json:
    return {"type": "image", "source": fields}


def document(**fields: object) -> Json:
    return {"type": "document", "source": fields}


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "text", "text": "Hi"}, {"type": "text", "text": "Hi"}),
        ("Hi", {"type": "text", "text": "Hi"}),
        (
            image({"url": f"data:image/png;base64,{PNG}", "detail": "high"}),
            source(type="base64", media_type="image/png", data=PNG),
        ),
        (
            image({"url": f"DATA:image/JPG;charset=x;BASE64,{PNG}"}),
            source(type="base64", media_type="image/jpeg", data=PNG),
        ),
        (image("https://example.org/a"), source(type="url", url="https://example.org/a")),
        (image({"url": "https://example.org/a"}), source(type="url", url="https://example.org/a")),
        (
            file(file_data=f"data:application/pdf;base64,{PDF}", filename="a.pdf"),
            {**document(type="base64", media_type="application/pdf", data=PDF), "title": "a.pdf"},
        ),
        (file(file_data=PDF), document(type="base64", media_type="application/pdf", data=PDF)),
        (file(file_id="file-1"), document(type="file", file_id="file-1")),
        (file(file_data="https://example.org/a.pdf"), document(type="url", url="https://example.org/a.pdf")),
        (
            file(file_data="data:text/markdown;base64," + b64encode("# 标题".encode()).decode()),
            document(type="text", media_type="text/plain", data="# 标题"),
        ),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, source(type="file", file_id="f")),
    ],
)
def test_what_a_user_may_show(part: object, block: Json) -> None:
    assert user_blocks([part], "content") == [block]


@pytest.mark.parametrize(
    ("part", "param", "code"),
    [
        (7, "content[0]", None),
        ({"type": "video"}, "content[0].type", "unsupported_content"),
        ({"type": ["text"]}, "content[0].type", "unsupported_content"),
        ({"type": "text"}, "content[0].text", None),
        ({"type": "refusal", "refusal": "No."}, "content[0].type", "unsupported_content"),
        ({"type": "input_audio", "input_audio": {"data": "x"}}, "content[0]", "unsupported_content"),
        (image({}), "content[0].image_url.url", None),
        (image(7), "content[0].image_url", None),
        (image("http://example.org/a"), "content[0].image_url", None),
        (image("ftp://example.org/a"), "content[0].image_url", None),
        (image(PNG), "content[0].image_url", None),
        (image(f"data:image/png,{PNG}"), "content[0].image_url", None),
        (image("data:image/png;base64,"), "content[0].image_url", None),
        (image("data:image/png;base64"), "content[0].image_url", None),
        (image(f"data:image/tiff;base64,{PNG}"), "content[0].image_url", "unsupported_content"),
        (file(), "content[0].file.file_data", None),
        (file(file_id=7), "content[0].file.file_id", None),
        (file(file_data="data:application/zip;base64,aa=="), "content[0].file.file_data", "unsupported_content"),
        (file(file_data="data:text/plain;base64,a"), "content[0].file.file_data", None),
        (file(file_data="data:text/plain;base64,/w=="), "content[0].file.file_data", None),
    ],
)
def test_what_a_user_may_not_show(part: object, param: str, code: str | None) -> None:
    with pytest.raises(ChatRefused) as caught:
        user_blocks([part], "content")
    assert (caught.value.param, caught.value.code) == (param, code)


def test_the_system_speaks_in_text_alone() -> None:
    assert text_blocks([{"type": "text", "text": "Hi"}], "content") == [{"type": "text", "text": "Hi"}]
    with pytest.raises(ChatRefused):
        text_blocks([image("https://example.org/a")], "content")
    with pytest.raises(ChatRefused):
        text_blocks([source(type="url", url="https://example.org/a")], "content")


def test_the_model_may_have_refused() -> None:
    parts = [{"type": "text", "text": "Hm."}, {"type": "refusal", "refusal": "No."}]
    assert [block["text"] for block in assistant_blocks(parts, "content")] == ["Hm.", "No."]
    with pytest.raises(ChatRefused):
        assistant_blocks([image("https://example.org/a")], "content")


def test_a_part_keeps_its_cache_breakpoint() -> None:
    made = user_blocks([{**image("https://example.org/a"), "cache_control": {"type": "ephemeral"}}], "content")
    assert made[0]["cache_control"] == {"type": "ephemeral"}
