"""How a table is drawn: its head by rich, its rows as lines, which is much faster than cell by cell.

Not here: how it fits the terminal (`tables.py`), where it is written (`render.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from sdc.cli import tables, terminal
from sdc.cli.tables import TableLayout
from sdc.pipelines.text.visible import visible

_TITLE, _NAME = Style(italic=True), Style(bold=True)


def drawn(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    title: str | None,
    *,
    width: int,
    spare: Sequence[str],
    meanings: Mapping[str, str] | None = None,
) -> "DrawnTable":
    """Returns a table as it fits so many characters; columns that are `spare` are left out first where it is narrow."""
    names = [visible(name) for name in columns]
    shown = {cell: visible(cell) for cell in {str(cell) for row in rows for cell in row if cell is not None}}
    cells = [["" if cell is None else shown[str(cell)] for cell in row] for row in rows]
    about = None if title is None else visible(title)
    layout = tables.fit(names, cells, width=width, title=about, spare=spare, meanings=meanings or {})
    return DrawnTable(layout, width=width)


@dataclass(frozen=True)
class DrawnTable:
    """A table that fits a terminal.

    Args:
        layout: How it fits.
        width: Characters of a line.
    """

    layout: TableLayout
    width: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in tables.broken(self.layout.title, self.width) if self.layout.title else ():
            yield Segment(line, _TITLE)
            yield Segment.line()
        if self.layout.is_stacked:
            yield from self._stacked()
            return
        *head, bottom = console.render_lines(self._head(), options, pad=False, new_lines=True)
        for above in head:
            yield from above
        for row in tables.lines(self.layout):
            yield Segment(row)
            yield Segment.line()
        yield from bottom

    def _head(self) -> Table:
        head = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, self.layout.gap - tables.GAPS[-1]))
        for name, width, right in zip(self.layout.columns, self.layout.widths, self.layout.numeric, strict=True):
            head.add_column(Text(name), justify="right" if right else "left", overflow="fold", width=width)
        return head

    def _stacked(self) -> Iterator[Segment]:
        room = max(map(terminal.shown_width, self.layout.columns), default=0)
        for row in self.layout.rows:
            for name, cell in zip(self.layout.columns, row, strict=True):
                if cell in ("", "-"):
                    continue
                first, *others = tables.broken(cell, max(1, self.width - room - 2))
                yield Segment(name + " " * (room - terminal.shown_width(name)), _NAME)
                yield Segment("".join([f"  {first}", *(f"\n{' ' * room}  {line}" for line in others)]))
                yield Segment.line()
            yield Segment.line()
