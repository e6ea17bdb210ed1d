"""The body of a server's answer, read as it streams in and never beyond its limit, packed or not.

Here: the limit, unpacking (gzip and deflate; nothing else is asked for), lines. Not here: requests (`http.py`),
JSON (`safe_json.py`).
"""

import zlib
from collections.abc import AsyncIterator
from typing import Any

#: What a request may say that it takes.
ENCODINGS = "gzip, deflate"
_PACKED = ("gzip", "x-gzip", "deflate")
_CHUNK_BYTES = 65_536


class UnreadableBody(Exception):
    """The body is longer than it may be, packed otherwise than asked for, or ends too early."""


async def read(response: Any, *, most: int) -> bytes:
    """Returns the whole body.

    Args:
        response: An httpx2 response whose body has not been read.
        most: The most bytes that it may have, unpacked.

    Raises:
        UnreadableBody: It is longer, or cannot be unpacked.
    """
    content = bytearray()
    async for piece in _pieces(response, most=most):
        content += piece
    return bytes(content)


async def beginning(response: Any, *, most: int) -> bytes:
    """Returns at most `most` bytes of the body, as far as it can be read: for the message of an error."""
    content = bytearray()
    try:
        async for piece in _pieces(response, most=most):
            content += piece
    except UnreadableBody:
        pass
    return bytes(content[:most])


async def lines(response: Any, *, most: int, most_line: int) -> AsyncIterator[bytes]:
    """Yields the lines of the body; one of more than `most_line` bytes is left out.

    Raises:
        UnreadableBody: All together are longer than `most` bytes, or cannot be unpacked.
    """
    rest, is_skipping = bytearray(), False
    async for piece in _pieces(response, most=most):
        *whole, last = piece.split(b"\n")
        for end in whole:
            rest += end
            if not is_skipping and len(rest) <= most_line:
                yield bytes(rest)
            rest, is_skipping = bytearray(), False
        rest += last
        if len(rest) > most_line:
            rest, is_skipping = bytearray(), True
    if rest and not is_skipping:
        yield bytes(rest)


async def _pieces(response: Any, *, most: int) -> AsyncIterator[bytes]:
    """Yields the body unpacked; whatever the pieces are, no more than a little over `most` is ever in memory."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity", *_PACKED):
        raise UnreadableBody(f"the answer is packed as {encoding!r}, which nobody asked for")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding in _PACKED else None
    left = most
    async for chunk in response.aiter_raw(_CHUNK_BYTES):
        # One byte more than is left, so that too much can be told from just enough.
        try:
            piece = unpacker.decompress(chunk, left + 1) if unpacker else chunk
        except zlib.error:
            raise UnreadableBody("the answer cannot be unpacked") from None
        yield piece[:left]
        left -= len(piece)
        if left < 0:
            raise UnreadableBody(f"the answer has more than {most:,} bytes, which is more than its tokens can take")
    if unpacker is not None and not unpacker.eof and left < most:
        raise UnreadableBody("the answer ends in the middle")
