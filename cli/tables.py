"""How a table fits a terminal: no number and no key is ever broken.

Where it is too wide: columns come closer, what is the same in every row goes into the title, columns that a table can
spare are left out, names are shortened in the middle and sentences broken between words; at last rows stand one below
another, a line for each column.

Here: texts and widths. Not here: drawing (`drawing.py`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Column:
    """A column of a table: it is measured once, however many ways to make the table narrower are tried.

    Args:
        name: Its name.
        cells: Text of each cell.
    """

    name: str
    cells: Sequence[str]

    @cached_property
    def texts(self) -> list[str]:
        """What the cells say, each once: of thousands of rows, most say what others say."""
        return list(dict.fromkeys(self.cells))

    @cached_property
    def is_numeric(self) -> bool:
        """Whether it stands to the right."""
        return all(map(is_number, self.texts))

    @cached_property
    def has_keys(self) -> bool:
        """Whether it tells every row from the others."""
        return len(self.texts) == len(self.cells) and all(map(_KEY.fullmatch, self.texts))

    @cached_property
    def widest(self) -> int:
        """The characters that it takes."""
        return max(map(shown_width, [self.name, *self.texts]))

    def least(self, *, keyed: bool) -> int:
        """Returns the fewest characters in which nothing of it is broken.

        No two cells become the same, unless rows have keys to tell them apart.
        """
        words = max(map(shown_width, self.name.split(" ")))  # names of columns are broken between words
        longest = max(map(shown_width, self.texts), default=0)
        if all(is_number(text) or _KEY.fullmatch(text) for text in self.texts):
            return max(words, longest)
        if any(" " in text for text in self.texts):
            word = max(shown_width(word) for text in self.texts for word in text.split(" "))
            return max(words, min(longest, max(_NARROWEST, word)))
        least = max(words, min(longest, _SHORTEST_NAME))
        while not keyed and len({shortened(text, least) for text in self.texts}) < len(self.texts):
            least += 1
        return least

    def within(self, width: int) -> list[str]:
        """Returns the cells, names shortened to so many characters; sentences are broken as they are drawn."""
        shown = {text: text if self.is_numeric or " " in text else shortened(text, width) for text in self.texts}
        return [shown[text] for text in self.cells]


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """A way to make a table narrower: the columns that are left, and what its title says of the others."""

    columns: Sequence[_Column]
    title: str | None
    gap: int = GAPS[0]
    left_out: Sequence[str] = ()


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
    whole = [_Column(name=name, cells=[row[i] for row in rows]) for i, name in enumerate(columns)]
    found = _fitted(_Choice(columns=whole, title=title), width, spare)
    if found is None:
        found = TableLayout(columns=columns, rows=rows, title=title, is_stacked=True)
    parts = [found.title or "", *(says for name, says in (meanings or {}).items() if name in found.columns)]
    parts += [f"for want of room without {_named(found.left_out)}"] if found.left_out else []
    return replace(found, title="; ".join(filter(None, parts)) or None)


def _fitted(whole: _Choice, width: int, spare: Sequence[str]) -> TableLayout | None:
    found = next(
        filter(None, (_with_widths(choice, width, shortest=False) for choice in _narrower(whole, spare))), None
    )
    if found is not None:
        return found
    fewest = 0
    for choice in _narrower(whole, spare):
        broken = _with_widths(choice, width, shortest=True)
        num_lines = 0 if broken is None else _num_lines(broken)
        if broken is not None and (found is None or num_lines < fewest):
            found, fewest = broken, num_lines
        if found is not None and fewest <= _MOST_LINES:
            break
    return found


def _num_lines(table: TableLayout) -> int:
    """Returns the lines of the row that takes most, sentences broken between words."""
    cells = [cell for row in table.rows for cell in zip(row, table.widths, strict=True)]
    return max((wrapped(text, width=width).count("\n") + 1 for text, width in cells if " " in text), default=1)


def _narrower(whole: _Choice, spare: Sequence[str]) -> Iterator[_Choice]:
    """Gives the table, and others that each take less room than the one before."""
    for gap in GAPS:
        yield replace(whole, gap=gap)
    base, left_out = _without_constants(replace(whole, gap=GAPS[-1])), list[str]()
    yield base
    for name in spare:
        if any(column.name == name for column in base.columns) and len(base.columns) > len(left_out) + 1:
            left_out.append(name)
            kept = [column for column in base.columns if column.name not in left_out]
            yield replace(base, columns=kept, left_out=tuple(left_out))


def _named(left_out: Sequence[str]) -> str:
    """Returns the columns that are left out: few by name, of many how many, since a title is no list."""
    return ", ".join(left_out) if len(left_out) <= _MOST_NAMED else f"{len(left_out)} columns"


def _without_constants(whole: _Choice) -> _Choice:
    """Returns the table without columns that say the same in every row, which its title says then."""
    if any(len(column.cells) < 2 for column in whole.columns):
        return whole
    constant = [column for column in whole.columns if len(column.texts) == 1]
    if len(constant) == len(whole.columns):
        return whole
    said = [f"{column.name} {column.texts[0]}" for column in constant if column.texts[0] not in ("", "-")]
    kept = [column for column in whole.columns if column not in constant]
    return replace(whole, columns=kept, title=", ".join([*said, *([whole.title] if whole.title else [])]) or None)


# -- widths ----------------------------------------------------------------------------------------------------------


def _with_widths(choice: _Choice, width: int, *, shortest: bool) -> TableLayout | None:
    """Returns the table with the widths of its columns, names shortened where they may be; None if it does not fit."""
    columns = choice.columns
    widths = [column.widest for column in columns]
    keyed = any(column.has_keys for column in columns)
    least = [column.least(keyed=keyed) for column in columns] if shortest else widths
    room = width - choice.gap * (len(columns) - 1) - 2  # a space on either side
    if sum(least) > room:
        return None
    widths = list(widths)
    while sum(widths) > room:  # the widest of those that can be narrower
        at = max((i for i in range(len(widths)) if widths[i] > least[i]), key=widths.__getitem__)
        widths[at] -= 1
    cells = [column.within(most) for column, most in zip(columns, widths, strict=True)]
    return TableLayout(
        columns=[column.name for column in columns],
        rows=list(zip(*cells, strict=True)),
        title=choice.title,
        widths=widths,
        numeric=[column.is_numeric for column in columns],
        gap=choice.gap,
        left_out=choice.left_out,
    )


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
    placed = [
        {
            text: [_placed(part, width, right=right) for part in broken(text, width)]
            for text in {row[i] for row in table.rows}
        }
        for i, (width, right) in enumerate(zip(table.widths, table.numeric, strict=True))
    ]
    blank = [" " * width for width in table.widths]
    for row in table.rows:
        cells = [of_column[text] for of_column, text in zip(placed, row, strict=True)]
        for at in range(max(map(len, cells), default=0)):
            parts = [cell[at] if at < len(cell) else empty for cell, empty in zip(cells, blank, strict=True)]
            yield f" {between.join(parts)}".rstrip()


def _placed(part: str, width: int, *, right: bool) -> str:
    """Returns a part of a cell as wide as its column."""
    room = " " * (width - shown_width(part))
    return room + part if right else part + room


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
