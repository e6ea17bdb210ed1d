"""What people see: keys and JSON on stdout; progress, notes, tables and errors on stderr.

Here: writing and drawing, with rich imported when it is needed. What people read goes through `visible`, for texts,
names and messages may come from anywhere; data goes out as UTF-8, whatever the terminal is. Not here: the bar
(`progress.py`), what is written.
"""

import codecs
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdc.cache.key import SHORT
from sdc.cli import progress, terminal
from sdc.pipelines.progress import NOTE, log
from sdc.pipelines.stage import Outcome
from sdc.pipelines.text.folding import one_line
from sdc.pipelines.text.visible import as_json as json_text
from sdc.pipelines.text.visible import visible
from sdc.pipelines.view import ViewPart

if TYPE_CHECKING:
    from types import TracebackType


#: More keys than these are no help on a terminal.
_FEW_KEYS = 3


def fail(message: str) -> None:
    """Writes the one line of an error to stderr."""
    progress.line(f"sdc: {message}")


def bug(kind: type[BaseException], error: BaseException, trace: "TracebackType | None") -> None:
    """Writes the traceback of a bug to stderr; what its message holds may come from anywhere."""
    from traceback import format_exception

    progress.clear()
    with suppress(OSError):
        sys.stderr.write(visible("".join(format_exception(kind, error, trace)), keep="\n"))


def note(message: str) -> None:
    """Writes one line for the user to stderr, unless the user wants none."""
    if log.isEnabledFor(NOTE):
        progress.line(message)


def data(text: str) -> None:
    """Writes JSON, CSV, keys or a document to stdout: UTF-8, and as it is, unless it goes to a terminal."""
    progress.clear()
    stream = sys.stdout
    if isinstance(stream, TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    stream.write(visible(text, keep="\n\t") if stream.isatty() else text)


def records(items: Iterable[Mapping[str, Any]], *, default: Callable[[Any], Any] | None = None) -> None:
    """Writes records to stdout, a JSON object a line: what `--json` means in every command."""
    for item in items:
        data(json_text(dict(item), default=default) + "\n")


def path(file: Path, *, as_json: bool) -> None:
    """Writes to stdout which file was written."""
    if as_json:
        records([{"file": str(file)}])
    else:
        data(f"{file}\n")


def shown(*lines: str) -> None:
    """Writes lines for people to stdout."""
    progress.clear()
    width = terminal.console().width if sys.stdout.isatty() else None
    for text in map(visible, lines):
        indent = len(text) - len(text.lstrip(" |")) if width else 0
        told = terminal.wrapped(text[indent:], width=width - indent) if width else text
        sys.stdout.write(text[:indent] + told.replace("\n", "\n" + " " * indent) + "\n")


def emit(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    """Writes the keys of artifacts to stdout, one a line, as other commands read them; of many, a person sees few."""
    progress.clear()
    if as_json:
        records({"key": outcome.key, "hit": outcome.hit, **outcome.summary} for outcome in outcomes)
    else:
        keys = [outcome.key[:SHORT] for outcome in outcomes]
        if sys.stdout.isatty() and len(keys) > _FEW_KEYS:
            keys = [f"{keys[0]} ... {keys[-1]}: {len(keys)} keys; a pipe or a file gets them all"]
        data("".join(f"{key}\n" for key in keys))
    sys.stdout.flush()


def summary(what: str, outcome: Outcome, text: str = "") -> None:
    """Writes one line about a finished stage to stderr."""
    state = "already there" if outcome.hit else "done"
    note(f"{what}: {state}, {outcome.key[:SHORT]}{'  ' + text if text else ''}")


def result(message: str) -> None:
    """Writes one line to stderr that belongs to what was asked for, whatever else is said."""
    progress.line(message)


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str | None = None,
    spare: Sequence[str] = (),
    meanings: Mapping[str, str] | None = None,
    to_stderr: bool = False,
) -> None:
    """Draws a table as wide as the terminal allows.

    Args:
        columns: Their names.
        rows: What stands in them.
        title: What stands above it.
        spare: Columns that are left out first where it is narrow.
        meanings: Column -> what is said of it, if it stands there.
        to_stderr: Whether it is no data.
    """
    from sdc.cli.drawing import drawn

    progress.clear()
    out = terminal.console(to_stderr=to_stderr)
    out.print(drawn(columns, rows, title, width=out.width, spare=spare, meanings=meanings))


def part(found: ViewPart) -> None:
    """Draws rows under their title: texts on one line, as a table has room for, and shares with three digits."""

    def cell(value: object) -> str:
        return "" if value is None else f"{value:.3f}" if isinstance(value, float) else one_line(str(value))

    names = found.columns()
    headings = [found.headings.get(name, name.replace("_", " ")) for name in names]
    table(headings, [[cell(row[name]) for name in names] for row in found.rows], title=found.title)


def is_wide_enough(columns: Sequence[str], rows: Sequence[Sequence[str]], *, spare: Sequence[str] = ()) -> bool:
    """Returns whether `table` has room for such a table without stacking its rows."""
    from sdc.cli import tables

    return not tables.fit(columns, rows, width=terminal.console().width, spare=spare).is_stacked


@dataclass(frozen=True, kw_only=True)
class TableFrame:
    """One look at something that changes: a table, and lines below it."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    title: str
    lines: Sequence[str]
    spare: Sequence[str] = ()
    meanings: Mapping[str, str] | None = None


def live(frames: Iterable[TableFrame]) -> None:
    """Draws frames over one another, until none comes; the last one stays."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from sdc.cli.drawing import drawn

    progress.clear()
    out = terminal.console()
    with Live(console=out, auto_refresh=False) as view:
        for frame in frames:
            table = drawn(
                frame.columns, frame.rows, frame.title, width=out.width, spare=frame.spare, meanings=frame.meanings
            )
            view.update(Group(table, *(Text(visible(line)) for line in frame.lines)), refresh=True)
