"""What a file holds: columns of values, and the rows that are broken or odd.

Here: the frame, and a row of it. Not here: how files become one (`files.py`), which columns count (`columns.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple


class FileRow(NamedTuple):
    """One row of a file: a tuple, which is made in a fraction of the time of a dataclass.

    Args:
        line: Where it begins, counted from 1 (the row number in a Parquet file).
        cells: Column -> value as the file has it; empty for a broken row.
        broken: Why the row cannot be read, or None.
        raw: What stands in the file, for a broken or odd row.
        odd: Quotes hold a line break and a delimiter together: rows may have been swallowed.
        lines: Such a row, line by line, where each line would be a row by itself.
    """

    line: int
    cells: Mapping[str, Any]
    broken: str | None = None
    raw: str = ""
    odd: bool = False
    lines: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The columns of a file in order, and its rows in order.

    Args:
        where: The file, for errors.
        columns: Names; of a file without a header `1`, `2` ...
        values: Column -> what stands there in each row: None in a broken one. Columns that were not read are not here.
        lines: Where each row begins.
        marked: Position -> row, of those that are broken or odd.
        first: What the first row would be if it were no header; empty if the file cannot lack one.
    """

    where: str
    columns: tuple[str, ...]
    values: Mapping[str, Sequence[Any]]
    lines: Sequence[int]
    marked: Mapping[int, FileRow] = field(default_factory=dict)
    first: tuple[str, ...] = ()

    @classmethod
    def of_rows(
        cls, rows: Sequence[FileRow], *, where: str, columns: tuple[str, ...], first: tuple[str, ...] = ()
    ) -> "Frame":
        """Returns the frame of rows that were read one by one."""
        return cls(
            where=where,
            columns=columns,
            values={name: [row.cells.get(name) for row in rows] for name in columns},
            lines=[row.line for row in rows],
            marked={place: row for place, row in enumerate(rows) if row.broken is not None or row.odd},
            first=first,
        )

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.lines)

    @property
    def rows(self) -> list[FileRow]:
        """The rows, one by one."""
        found = []
        for place, line in enumerate(self.lines):
            cells = {name: values[place] for name, values in self.values.items()}
            found.append(self.marked.get(place) or FileRow(line=line, cells=cells))
        return found

    def is_broken(self, place: int) -> bool:
        """Returns whether a row cannot be read."""
        return place in self.marked and self.marked[place].broken is not None

    def column(self, name: str) -> Sequence[Any]:
        """Returns what stands in a column of each row; None of a column that was not read."""
        return self.values[name] if name in self.values else [None] * len(self)

    def readable(self, name: str) -> Sequence[Any]:
        """Returns what stands in a column of each row that can be read."""
        values = self.column(name)
        if not self.marked:
            return values
        return [value for place, value in enumerate(values) if not self.is_broken(place)]

    def at(self, places: Sequence[int]) -> "Frame":
        """Returns some of the rows."""
        return replace(
            self,
            values={name: [values[place] for place in places] for name, values in self.values.items()},
            lines=[self.lines[place] for place in places],
            marked={new: self.marked[place] for new, place in enumerate(places) if place in self.marked},
        )
