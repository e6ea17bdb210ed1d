"""The two streams that a command writes to, and what they can show.

Here: lines to stderr, consoles, whether something can be drawn over. Not here: what is written (`render.py`), the bar
(`progress.py`).
"""

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from sdc.pipelines.text.visible import visible

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import Console


def line(text: str) -> None:
    """Writes one line to stderr, whatever it holds."""
    with suppress(OSError):  # nobody listens
        sys.stderr.write(visible(" ".join(text.split("\n"))) + "\n")
        sys.stderr.flush()


def can_redraw(stream: "TextIO | None" = None) -> bool:
    """Returns whether a stream, or else stdout, is a terminal on which something can be drawn over what was there."""
    out = sys.stdout if stream is None else stream
    return out.isatty() and os.environ.get("TERM") not in (None, "dumb", "unknown")


def console(*, to_stderr: bool = False) -> "Console":
    """Returns the console for stdout or stderr; wide when no terminal cuts it."""
    from rich.console import Console

    stream = sys.stderr if to_stderr else sys.stdout
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() and 20 <= int(columns) <= 10_000 else 200
    return Console(file=stream, width=None if stream.isatty() else width, highlight=False, markup=False, emoji=False)
