"""The two streams that a command writes to, and what they can show.

Here: how wide a text is, lines broken between words; consoles, whether something can be drawn over. Not here: what is
written (`render.py`), the bar (`progress.py`).
"""

import os
import re
import sys
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING

from sdc.pipelines.text.visible import visible

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import Console


#: What stays together where a line is broken: a command to copy, a number with its %, else a word.
_WHOLE = re.compile(r"\S*`[^`]*`\S*|\d\S* %\S*|\S+")


def line(text: str) -> None:
    """Writes one line to stderr, whatever it holds; a terminal that is too narrow gets it broken between words."""
    text = visible(" ".join(text.split("\n")))
    with suppress(OSError):  # nobody listens
        sys.stderr.write((wrapped(text, width=_width()) if sys.stderr.isatty() else text) + "\n")
        sys.stderr.flush()


def shown_width(text: str) -> int:
    """Returns the columns that a text takes at most.

    Vowel signs with a width (of Telugu, among others) have a column of their own on most terminals; rich gives them
    none, so that its lines would not fit.

    >>> shown_width("te"), shown_width("\u0c35\u0c41"), shown_width("\u4e2d")
    (2, 2, 2)
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text) + sum(unicodedata.category(sign) == "Mc" and not cell_len(sign) for sign in text)


def wrapped(text: str, *, width: int) -> str:
    """Returns text with line breaks between words, and none within a word or a command in backticks.

    >>> print(wrapped("seven rows of te/topic are there: see `sdc show 5aec`", width=27))
    seven rows of te/topic are
    there: see `sdc show 5aec`
    """
    if shown_width(text) <= width:
        return text
    lines, used = "", 0
    for found in _WHOLE.finditer(text):
        gap = text[used : found.start()]
        last = lines[lines.rfind("\n") + 1 :]
        lines += ("\n" if last and shown_width(f"{last}{gap}{found[0]}") > width else gap) + found[0]
        used = found.end()
    return lines


def _width() -> int:
    """Returns the columns of the terminal that stderr is."""
    with suppress(OSError):
        return _said_width() or os.get_terminal_size(sys.stderr.fileno()).columns or 80
    return 80


def _said_width() -> int | None:
    """Returns the columns that the environment names; None without."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and 20 <= int(columns) <= 10_000 else None


def can_redraw(stream: "TextIO | None" = None) -> bool:
    """Returns whether a stream, or else stdout, is a terminal on which something can be drawn over what was there."""
    out = sys.stdout if stream is None else stream
    return out.isatty() and os.environ.get("TERM") not in (None, "dumb", "unknown")


def console(*, to_stderr: bool = False) -> "Console":
    """Returns the console for stdout or stderr; wide when no terminal cuts it."""
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    return Console(
        file=stream, width=None if stream.isatty() else _said_width() or 200, highlight=False, markup=False, emoji=False
    )
