"""Rows of text that a delimiter cuts into cells: CSV, TSV and their kin, one row at a time.

Here: cells, rows that cannot be read, cells in which quotes may have swallowed rows. Not here: files and their encoding
(`files.py`), which column is what (`columns.py`).
"""

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sdc.cache.counted import counted
from sdc.errors import DataError, UsageError, one_of

#: What `--delimiter` takes beside the delimiter itself.
NAMED = {"comma": ",", "tab": "\t", "\\t": "\t", "semicolon": ";", "pipe": "|", "space": " "}
#: What `--quoting` takes.
QUOTINGS = ("minimal", "none")
_UNQUOTE = "close the quote there; or add --quoting none, if quotes are part of the texts"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a line is cut into cells.

    Args:
        delimiter: One character; without quotes also several, as ` ||| `.
        quoting: `minimal` (RFC 4180: a cell may stand in quotes, and then hold delimiters and line breaks) or `none`
            (a quote is a character like any other).
    """

    delimiter: str = ","
    quoting: str = "minimal"

    def __post_init__(self) -> None:
        if self.quoting not in QUOTINGS:
            raise UsageError(f"unknown quoting {self.quoting[:80]!r}", "--quoting", one_of(self.quoting[:80], QUOTINGS))
        if not self.delimiter or set(self.delimiter) & set('\r\n"'):
            named = ", ".join(name for name in NAMED if name.isalpha())
            raise UsageError(f"{self.delimiter!r} is no delimiter", "--delimiter", f"give a character, or {named}")
        if len(self.delimiter) > 1 and self.quoting != "none":
            fix = "add --quoting none: cells in quotes are cut at one character"
            raise UsageError(f"a delimiter of {len(self.delimiter)} characters", "--delimiter", fix)


def named(text: str) -> str:
    r"""Returns the delimiter that a word stands for; any other text stands for itself.

    >>> named("tab"), named(r"\t"), named(";")
    ('\t', '\t', ';')
    """
    return NAMED.get(text.casefold(), text)


class TableRow(NamedTuple):
    """One row: a tuple, which is made in a fraction of the time of a dataclass.

    Args:
        line: Where it begins, counted from 1.
        cells: As they stand, without their quotes; empty if the row is broken.
        broken: Why it cannot be read, or None.
        raw: What stands in the file, of a row that is broken or odd.
        odd: A cell in quotes has a line break and a delimiter in it: whole rows may stand in it.
        lines: Each line of an odd row as it is without quotes, if each has as many cells as the header; else empty.
    """

    line: int
    cells: tuple[str, ...] = ()
    broken: str | None = None
    raw: str = ""
    odd: bool = False
    lines: tuple[tuple[str, ...], ...] = ()


def rows(
    lines: Iterable[str], dialect: Dialect, *, where: str, most_chars: int = sys.maxsize, fix: str = _UNQUOTE
) -> Iterator[TableRow]:
    """Yields the rows in order; an empty line is none.

    Args:
        lines: With their ends.
        dialect: How they are cut.
        where: The file, for errors.
        most_chars: Of a cell in quotes; one that goes on for longer is an unclosed quote.
        fix: What to do about a quote that is not closed.

    Raises:
        DataError: A quote is not closed, and took whole lines with it: how many rows are lost, nobody can say.
    """
    num_cells: int | None = None  # of the first row, which has the names
    is_plain = dialect.quoting == "none"
    found = _plain(lines, dialect.delimiter) if is_plain else _quoted(lines, dialect.delimiter, most_chars)
    for row, physical in found:
        if row.broken is None and num_cells is None:
            num_cells = len(row.cells)
        if row.broken is not None:
            if num_cells is None or len(physical) > 1:
                what = f"the quoting breaks in the row that begins in line {row.line} ({row.broken})"
                raise DataError(what, where, fix)
            yield TableRow(line=row.line, broken=f"line {row.line}: {row.broken}", raw=row.raw)
        elif len(row.cells) != num_cells:
            why = f"line {row.line}: {counted(len(row.cells), 'cell')} where the header has {num_cells}"
            yield TableRow(line=row.line, broken=why, raw=dialect.delimiter.join(row.cells))
        elif len(physical) > 1 and any(_is_odd(cell, dialect.delimiter) for cell in row.cells):
            parts = [tuple(line.rstrip("\r\n").split(dialect.delimiter)) for line in physical]
            whole = tuple(parts) if all(len(part) == num_cells for part in parts) else ()
            yield TableRow(line=row.line, cells=row.cells, raw="".join(physical).rstrip("\r\n"), odd=True, lines=whole)
        else:
            yield row


def plain(lines: Iterable[str], dialect: Dialect) -> tuple[list[int], list[list[str]]] | None:
    """Returns the line in which each row begins and its cells, of a table in which no row is broken or odd; else None.

    Nearly all are such, and this is several times as fast as `rows`, which yields the same.

    Args:
        lines: With their ends.
        dialect: How they are cut.
    """
    if dialect.quoting == "none":
        return None
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    begins, found, line = list[int](), list[list[str]](), 1
    try:
        for cells in reader:
            if cells:
                if reader.line_num > line and any(_is_odd(cell, dialect.delimiter) for cell in cells):
                    return None
                begins.append(line)
                found.append(cells)
            line = reader.line_num + 1
    except csv.Error:
        return None
    return (begins, found) if len(set(map(len, found))) <= 1 else None


def _is_odd(cell: str, delimiter: str) -> bool:
    return delimiter in cell and ("\n" in cell or "\r" in cell)


def _quoted(lines: Iterable[str], delimiter: str, most_chars: int) -> Iterator[tuple[TableRow, list[str]]]:
    csv.field_size_limit(most_chars)
    physical: list[str] = []  # the lines of the file that the row at hand was made of

    def remembered() -> Iterator[str]:
        for line in lines:
            physical.append(line)
            yield line

    reader = csv.reader(remembered(), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        physical.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raw = "".join(physical).rstrip("\r\n")
            yield TableRow(line=line, broken=str(error), raw=raw), physical
            continue
        if cells:
            yield TableRow(line, tuple(cells)), physical


def _plain(lines: Iterable[str], delimiter: str) -> Iterator[tuple[TableRow, list[str]]]:
    for number, line in enumerate(lines, start=1):
        text = line.removesuffix("\n").removesuffix("\r")
        if text:
            yield TableRow(line=number, cells=tuple(text.split(delimiter))), [line]
