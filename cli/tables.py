"""How a table fits a terminal: no number and no key is ever broken.

Where it is too wide: columns come closer, what is the same in every row goes into the title, columns that a table can
spare are left out, names are shortened in the middle and sentences broken between words; at last rows stand one below
another, a line for each column.

Here: texts and widths. Not here: drawing (`drawing.py`).
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from sdc.cli.terminal import shown_width, wrapped

#: Characters between two columns, and what is left where even that is too much.
GAPS = (3, 2)
_ELLIPSIS = "…"
#: A name is never shortened to less, and no column of sentences is narrower.
_SHORTEST_NAME, _NARROWEST = 9, 16
#: Spare columns are left out before a row takes more lines than these.
_MOST_LINES = 2
#: Columns that are left out are named up to so many.
_MOST_NAMED = 4
_KEY = re.compile(r"[0-9a-f]{8,64}")
#: Digits, and what stands among them; words of up to three letters are units.
_NUMBER = re.compile(r"[-+]?|[-+]?\d[^A-Za-z]*(?:\b[A-Za-z]{1,3}\b[^A-Za-z]*)*")


@dataclass(frozen=True, kw_only=True)
class TableLayout:
    """A table that fits.

    Args:
        columns: Their names.
        rows: Text of each cell.
        title: What stands above it.
        widths: Characters of each column, names of columns and sentences broken between words.
        numeric: Whether a column stands to the right.
        gap: Characters between two columns.
        left_out: Columns for which there is no room.
        is_stacked: Rows stand one below another: they do not fit in any other way.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str | None
    widths: Sequence[int] = field(default=())
    numeric: Sequence[bool] = field(default=())
    gap: int = GAPS[0]
    left_out: Sequence[str] = field(default=())
    is_stacked: bool = False


def fit(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int,
    title: str | None = None,
    spare: Sequence[str] = (),
    meanings: Mapping[str, str] | None = None,
) -> TableLayout:
    """Returns a table as it fits so many characters.

    Args:
        columns: Their names.
        rows: Text of each cell; none may act on a terminal.
        width: Characters of a line.
        title: What stands above it.
        spare: Columns that may be left out, the first first.
        meanings: Column -> what the title says of it, if it stands there.
    """
    found = _fitted(TableLayout(columns=columns, rows=rows, title=title), width, spare)
    parts = [found.title or "", *(says for name, says in (meanings or {}).items() if name in found.columns)]
    parts += [f"for want of room without {_named(found.left_out)}"] if found.left_out else []
    return replace(found, title="; ".join(filter(None, parts)) or None)


def _fitted(whole: TableLayout, width: int, spare: Sequence[str]) -> TableLayout:
    found = next(filter(None, (_with_widths(table, width, shortest=False) for table in _narrower(whole, spare))), None)
    if found is not None:
        return found
    fewest = 0
    for table in _narrower(whole, spare):
        broken = _with_widths(table, width, shortest=True)
        num_lines = 0 if broken is None else _num_lines(broken)
        if broken is not None and (found is None or num_lines < fewest):
            found, fewest = broken, num_lines
        if found is not None and fewest <= _MOST_LINES:
            break
    return found or replace(whole, is_stacked=True)


def _num_lines(table: TableLayout) -> int:
    """Returns the lines of the row that takes most, sentences broken between words."""
    cells = [cell for row in table.rows for cell in zip(row, table.widths, strict=True)]
    return max((wrapped(text, width=width).count("\n") + 1 for text, width in cells if " " in text), default=1)


def _narrower(whole: TableLayout, spare: Sequence[str]) -> Iterator[TableLayout]:
    """Gives the table, and others that each take less room than the one before."""
    for gap in GAPS:
        yield replace(whole, gap=gap)
    base, left_out = _without_constants(replace(whole, gap=GAPS[-1])), list[str]()
    yield base
    for name in spare:
        if name in base.columns and len(base.columns) > len(left_out) + 1:
            left_out.append(name)
            yield replace(_without(base, left_out), left_out=tuple(left_out))


def _named(left_out: Sequence[str]) -> str:
    """Returns the columns that are left out: few by name, of many how many, since a title is no list."""
    return ", ".join(left_out) if len(left_out) <= _MOST_NAMED else f"{len(left_out)} columns"


def _without_constants(table: TableLayout) -> TableLayout:
    """Returns the table without columns that say the same in every row, which its title says then."""
    if len(table.rows) < 2:
        return table
    constant = {
        name: table.rows[0][i] for i, name in enumerate(table.columns) if len({row[i] for row in table.rows}) == 1
    }
    if len(constant) == len(table.columns):
        return table
    said = [f"{name} {value}" for name, value in constant.items() if value not in ("", "-")]
    title = ", ".join([*said, *([table.title] if table.title else [])])
    return replace(_without(table, constant), title=title or None)


def _without(table: TableLayout, names: Container[str]) -> TableLayout:
    kept = [i for i, name in enumerate(table.columns) if name not in names]
    rows = [[row[i] for i in kept] for row in table.rows]
    return replace(table, columns=[table.columns[i] for i in kept], rows=rows)


# -- widths ----------------------------------------------------------------------------------------------------------


def _with_widths(table: TableLayout, width: int, *, shortest: bool) -> TableLayout | None:
    """Returns the table with the widths of its columns, names shortened where they may be; None if it does not fit."""
    columns = [[row[i] for row in table.rows] for i in range(len(table.columns))]
    keyed = any(len(set(cells)) == len(cells) and all(map(_KEY.fullmatch, cells)) for cells in columns)
    columns = [list(dict.fromkeys(cells)) for cells in columns]  # of thousands of rows, most say what others say
    numeric = [all(map(is_number, cells)) for cells in columns]
    widest = [max(map(shown_width, [name, *cells])) for name, cells in zip(table.columns, columns, strict=True)]
    least = widest
    if shortest:
        least = [_least(name, cells, keyed=keyed) for name, cells in zip(table.columns, columns, strict=True)]
    room = width - table.gap * (len(columns) - 1) - 2  # a space on either side
    if sum(least) > room:
        return None
    widths = list(widest)
    while sum(widths) > room:  # the widest of those that can be narrower
        at = max((i for i in range(len(widths)) if widths[i] > least[i]), key=widths.__getitem__)
        widths[at] -= 1
    shown = [
        {text: text if right or " " in text else shortened(text, most) for text in cells}
        for cells, right, most in zip(columns, numeric, widths, strict=True)
    ]
    rows = [[shown[i][text] for i, text in enumerate(row)] for row in table.rows]
    return replace(table, rows=rows, widths=widths, numeric=numeric)


def _least(name: str, cells: Sequence[str], *, keyed: bool) -> int:
    """Returns the fewest characters of a column in which nothing is broken.

    No two cells become the same, unless rows have keys to tell them apart.
    """
    words = max(map(shown_width, name.split(" ")))  # names of columns are broken between words
    longest = max(map(shown_width, cells), default=0)
    if all(is_number(cell) or _KEY.fullmatch(cell) for cell in cells):
        return max(words, longest)
    if any(" " in cell for cell in cells):
        word = max(shown_width(word) for cell in cells for word in cell.split(" "))
        return max(words, min(longest, max(_NARROWEST, word)))
    least = max(words, min(longest, _SHORTEST_NAME))
    while not keyed and len({shortened(cell, least) for cell in cells}) < len(set(cells)):
        least += 1
    return least


def is_number(cell: str) -> bool:
    """Returns whether a cell stands to the right and is never broken: a number, with what belongs to it, or nothing.

    >>> [is_number(cell) for cell in ("81.2 ± 5.0", "-3.1..+4.0", "5 min", "2026-12-01 08:44", "-", "", "3 rows", "te")]
    [True, True, True, True, True, True, False, False]
    """
    return _NUMBER.fullmatch(cell.strip()) is not None


def shortened(text: str, width: int) -> str:
    """Returns a text of at most so many characters, its middle left out.

    >>> shortened("intent/te-train_human_parsed.csv", 16)
    'intent/t…sed.csv'
    """
    if shown_width(text) <= width:
        return text
    end = (width - 1) // 2
    start = width - 1 - end
    while shown_width(text[:start] + text[len(text) - end :]) > width - 1:  # letters that take two places
        start, end = start - (start > 0), end - (end > 0)
    return text[:start] + _ELLIPSIS + text[len(text) - end :]


def lines(table: TableLayout) -> Iterator[str]:
    """Gives the rows of a table: a line each, or several where cells are broken between words.

    >>> found = TableLayout(columns=["a", "b"], rows=[["x y", "1"]], title=None, widths=[2, 3], numeric=[False, True])
    >>> list(lines(found))
    [' x      1', ' y']
    """
    between = " " * table.gap
    for row in table.rows:
        cells = [broken(text, width) for text, width in zip(row, table.widths, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            placed = [
                " " * (width - shown_width(part)) + part if right else part + " " * (width - shown_width(part))
                for part, width, right in zip(parts, table.widths, table.numeric, strict=True)
            ]
            yield f" {between.join(placed)}".rstrip()


def broken(text: str, width: int) -> list[str]:
    """Returns a text as lines of at most so many characters, broken between words where that is possible.

    >>> broken("one two", 5), broken("seventeen", 5)
    (['one', 'two'], ['seven', 'teen'])
    """
    if shown_width(text) <= width:
        return [text]
    found = []
    for line in wrapped(text, width=width).split("\n"):
        start, taken = 0, 0
        for end, letter in enumerate(line):
            if (taken := taken + shown_width(letter)) > width:
                found.append(line[start:end])
                start, taken = end, shown_width(letter)
        found.append(line[start:])
    return found
