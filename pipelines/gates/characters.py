"""characters: what no keyboard writes: replacement and control characters, UTF-8 that was read as Latin-1, byte tokens.

A model that writes bytes leaves such traces when it stops in the middle of a letter.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from sdc.pipelines.gates import signs
from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.gates.signs import Sign

#: How many different signs reject a text.
THRESHOLD = 1.0

SIGNS = (
    Sign(pattern=r"(?<=[\p{L}\p{M}])\N{REPLACEMENT CHARACTER}+(?=[\p{L}\p{M}])", reason="a letter is lost (U+FFFD)"),
    # In human texts often all that is left of an emoji, which seldom stands right beside a letter.
    Sign(
        pattern=r"\N{REPLACEMENT CHARACTER}",
        few=r"(?<=[\p{L}\p{M}])\N{REPLACEMENT CHARACTER}|\N{REPLACEMENT CHARACTER}(?=[\p{L}\p{M}])",
        reason="a replacement character (U+FFFD)",
    ),
    Sign(pattern=r"(?![\t\n\r])\p{Cc}", reason="a control character"),
    Sign(
        # Surrogates, private use and what is no character: the ranges are found sooner than the properties.
        pattern=r"[\uD800-\uF8FF\uFDD0-\uFDEF\uFFFE\uFFFF\U000F0000-\U000FFFFD\U00100000-\U0010FFFD]",
        reason="a character without a meaning",
    ),
    Sign(pattern=r"<0x[0-9A-Fa-f]{2}>|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}", reason="an escaped byte or letter"),
    Sign(pattern=r"^[\p{M}◌]", reason="it begins in the middle of a letter"),
)
_MISREAD = "a letter was read in the wrong encoding"


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check for the signs above and for mojibake."""
    others = signs.build(SIGNS, reference, threshold)
    habitual = bool(reference.habit(misread))

    def check(text: str) -> str | None:
        return others(text) or (_MISREAD if not habitual and misread(text) else None)

    return check


def misread(text: str) -> bool:
    """Returns whether letters of `text` are the bytes of UTF-8, read as Windows-1252 or Latin-1.

    >>> misread("fÃ¼nf"), misread("fünf »Äpfel« à l’Œuvre"), misread("Ð¿Ñ€Ð¸Ð²ÐµÑ‚"), misread("Itâ€™s")
    (True, False, True, True)
    """
    runs, sequences = _patterns()
    return any(_hides_letters(run, sequences) for run in runs.findall(text))


def _hides_letters(run: str, sequences: Any) -> bool:
    data = b"".join(_byte(c) for c in run)
    rare = 0
    for sequence in sequences.findall(data):
        try:
            letter = sequence.decode()
        except UnicodeDecodeError:
            continue
        # Two bytes are letters of Latin scripts at once. For others they also arise by chance, as in `ß«`.
        if len(sequence) > 2 or 0xA0 < ord(letter) < 0x250:
            return True
        rare += 1
    return rare > 1


@cache
def _patterns() -> tuple[Any, Any]:
    """Returns the patterns of runs that may hide bytes, and of what UTF-8 looks like."""
    import re

    high = "".join(c for c in map(_character, range(0x80, 0x100)) if c)
    sequences = rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}"
    return re.compile(f"[{re.escape(high)}\x80-\x9f]{{2,}}"), re.compile(sequences)


def _character(byte: int) -> str:
    return bytes([byte]).decode("cp1252", errors="ignore")


def _byte(character: str) -> bytes:
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")
