"""Decompression of what passes by: every encoding in any pieces, broken data, and bombs."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import brotli as untyped_brotli  # pyright: ignore[reportMissingTypeStubs] - it has no types
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ccledger.wire.inflate import Inflater
from tests.wire.lines import cut

brotli: Any = untyped_brotli


def raw_deflate(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(data) + deflate.flush()


def in_two_members(data: bytes) -> bytes:
    return gzip.compress(data[:9]) + gzip.compress(data[9:])


def in_two_frames(data: bytes) -> bytes:
    return zstandard.compress(data[:9]) + zstandard.compress(data[9:])


def plain(data: bytes) -> bytes:
    return data


WAYS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "none": ("", plain),
    "identity": ("identity", plain),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": (" X-GZIP ", gzip.compress),
    "gzip in members": ("gzip", in_two_members),
    "deflate": ("deflate", zlib.compress),
    "deflate without header": ("deflate", raw_deflate),
    "brotli": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
    "zstd in frames": ("zstd", in_two_frames),
    "stacked": ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
    "three": ("zstd,identity, deflate ,gzip", lambda data: gzip.compress(zlib.compress(zstandard.compress(data)))),
}
WHOLE = b'event: ping\ndata: {"type": "ping"}\n\n' * 50


def inflater(content_encoding: str) -> Inflater:
    found = Inflater.of(content_encoding)
    assert found is not None
    return found


@pytest.mark.parametrize("way", WAYS)
@given(data=st.binary(max_size=400) | st.just(WHOLE), places=st.lists(st.integers(0, 10_000), max_size=5))
def test_every_encoding_in_any_pieces(way: str, data: bytes, places: list[int]) -> None:
    content_encoding, compress = WAYS[way]
    inflate = inflater(content_encoding)
    assert b"".join(map(inflate.feed, cut(compress(data), places))) == data
    assert not inflate.is_broken


@pytest.mark.parametrize("way", WAYS)
def test_byte_by_byte(way: str) -> None:
    content_encoding, compress = WAYS[way]
    inflate = inflater(content_encoding)
    packed = compress(WHOLE)
    assert b"".join(inflate.feed(packed[at : at + 1]) for at in range(len(packed))) == WHOLE


@pytest.mark.parametrize("way", WAYS)
def test_what_is_long_comes_out_whole(way: str) -> None:
    content_encoding, compress = WAYS[way]
    data = bytes(range(256)) * 12_000
    assert inflater(content_encoding).feed(compress(data)) == data


def test_what_was_sent_can_be_read_before_the_end() -> None:
    deflate = zlib.compressobj(wbits=31)
    inflate = inflater("gzip")
    assert inflate.feed(deflate.compress(WHOLE) + deflate.flush(zlib.Z_SYNC_FLUSH)) == WHOLE
    squeeze = zstandard.ZstdCompressor().compressobj()
    inflate = inflater("zstd")
    sent = squeeze.compress(WHOLE) + squeeze.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    assert inflate.feed(sent) == WHOLE
    press = brotli.Compressor()
    assert inflater("br").feed(press.process(WHOLE) + press.flush()) == WHOLE


@pytest.mark.parametrize("content_encoding", ["compress", "gzip, what", "dcb", "*", "gzip;q=1", "gzip," * 4 + "gzip"])
def test_what_nobody_knows_is_not_metered(content_encoding: str) -> None:
    assert Inflater.of(content_encoding) is None


@pytest.mark.parametrize("content_encoding", ["gzip", "br", "zstd", "deflate", "gzip, br"])
def test_broken_data_ends_the_metering_only(content_encoding: str) -> None:
    inflate = inflater(content_encoding)
    inflate.feed(b"\xff\xfe{ this is not compressed }" * 9)
    assert inflate.is_broken
    assert inflate.feed(gzip.compress(WHOLE)) == b""


@given(st.sampled_from(["gzip", "br", "zstd", "deflate", "zstd, gzip"]), st.lists(st.binary(max_size=50), max_size=5))
def test_no_bytes_make_it_fail(content_encoding: str, chunks: list[bytes]) -> None:
    inflate = inflater(content_encoding)
    for chunk in chunks:
        inflate.feed(chunk)


@pytest.mark.parametrize("way", ["gzip", "deflate", "deflate without header", "brotli", "zstd", "stacked"])
def test_a_bomb_does_not_go_off(way: str) -> None:
    content_encoding, compress = WAYS[way]
    inflate = inflater(content_encoding)
    assert len(inflate.feed(compress(bytes(40_000_000)))) <= 1 << 24
    assert inflate.is_broken
    assert inflate.feed(b"more") == b""


def test_a_window_larger_than_clients_must_have_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    squeeze = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    inflate = inflater("zstd")
    inflate.feed(squeeze.compress(bytes(1000)) + squeeze.flush())
    assert inflate.is_broken
