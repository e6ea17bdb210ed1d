"""How a table is drawn: with rich, row by row where a row is a line.

Not here: how it fits the terminal (`tables.py`), where it is written (`render.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from sdc.cli import tables
from sdc.cli.tables import TableLayout
from sdc.pipelines.text.visible import visible


def drawn(
    columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None, *, width: int, spare: Sequence[str]
) -> "Table | TableOfLines":
    """Returns a table as it fits so many characters; columns that are `spare` are left out first where it is narrow."""
    names = [visible(name) for name in columns]
    cells = [["" if cell is None else visible(str(cell)) for cell in row] for row in rows]
    fitted = tables.fit(names, cells, width=width, title=None if title is None else visible(title), spare=spare)
    table = _stacked(fitted) if fitted.is_stacked else _head(fitted)
    table.title_justify = "left"
    table.title = None if fitted.title is None else Text(fitted.title, style="italic")
    if fitted.is_stacked:
        return table
    lines = tables.lines(fitted)
    if lines is not None:
        return TableOfLines(head=table, lines=lines)
    for row in fitted.rows:
        table.add_row(*map(Text, row))
    return table


def _stacked(fitted: TableLayout) -> Table:
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(no_wrap=True, style="bold")
    drawn.add_column(overflow="fold")
    for row in fitted.rows:
        for name, cell in zip(fitted.columns, row, strict=True):
            drawn.add_row(Text(name), Text(cell))
        drawn.add_row()
    return drawn


def _head(fitted: TableLayout) -> Table:
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, fitted.gap - tables.GAPS[-1]))
    for name, width, right in zip(fitted.columns, fitted.widths, fitted.numeric, strict=True):
        drawn.add_column(Text(name), justify="right" if right else "left", overflow="fold", width=width)
    return drawn


@dataclass(frozen=True, kw_only=True)
class TableOfLines:
    """A table that breaks no cell: its rows are lines, which is drawn much faster than cell by cell.

    Args:
        head: The table without its rows.
        lines: Its rows, as wide as the columns.
    """

    head: Table
    lines: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        *head, bottom = console.render_lines(self.head, options, pad=False, new_lines=True)
        for line in head:
            yield from line
        for row in self.lines:
            yield Segment(row)
            yield Segment.line()
        yield from bottom
