"""The encoding of text files, and the first byte of one that does not fit it."""

import codecs
from pathlib import Path

from sdc.errors import DataError, UsageError

_BLOCK_BYTES = 2**20


def check_name(encoding: str) -> None:
    """Fails if there is no encoding of that name.

    Raises:
        UsageError: As above.
    """
    try:
        is_text = "\0" not in encoding and codecs.lookup(encoding)._is_text_encoding
    except (LookupError, UnicodeError):
        is_text = False
    if not is_text:
        what = f"unknown encoding {encoding[:80]!r}"
        raise UsageError(what, "--encoding", "use one such as utf-8, utf-16, latin-1 or cp1252")


def codec(encoding: str) -> str:
    """Returns the encoding to open a file with: a byte order mark is no text."""
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def check(path: Path, encoding: str) -> None:
    """Reads a file once and names the first byte that is no text.

    Raises:
        DataError: The line and the byte, and what to do.
    """
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK_BYTES)
            if offset == 0 and is_utf8 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise DataError("the file is UTF-16", str(path), "add --encoding utf-16, or save it as UTF-8")
            pending = len(decoder.getstate()[0])
            nul = block.find(0) if is_utf8 else -1
            try:
                text = decoder.decode(block if nul < 0 else block[:nul], final=not block)
            except UnicodeError as error:
                start = getattr(error, "start", 0)
                at = f"byte {offset - pending + start}, line {line + block.count(10, 0, max(start - pending, 0))}"
                fix = "say which encoding it has, as --encoding latin-1 or cp1252, or save it as UTF-8"
                raise DataError(f"the file is not {encoding.upper()} ({at})", str(path), fix) from error
            if nul >= 0:
                at = f"byte {offset + nul}, line {line + block.count(10, 0, nul)}"
                fix = "if it is text, say which: --encoding utf-16"
                raise DataError(f"the file is binary or UTF-16 (a NUL at {at})", str(path), fix)
            if "\0" in text:
                what = f"the file is not {encoding.upper()} (there is a NUL in it)"
                raise DataError(what, str(path), "say which encoding it has, as --encoding utf-16")
            if not block:
                return
            offset += len(block)
            line += block.count(b"\n")
