"""A report with sizes as columns: one line for each language, source and method; in parts where it is too wide.

Here: the table for people, turned. Not here: what stands in it (`formats.for_people`).
"""

from collections.abc import Callable
from dataclasses import replace

from sdc.pipelines.report.formats import DIFFERENCES, HUMAN_MINUS, INTERVALS, Table

_SIZE, _VALUE = "size", "mean ± std"
#: What a cell has of its own: none of these makes a line.
_OF_A_CELL = (_SIZE, _VALUE, "rows", "n", *INTERVALS, "vs generator", *DIFFERENCES, HUMAN_MINUS,
              "majority", "linear", "failed", "below chance", "collapsed", "test leaked", "draw", "cells")  # fmt: skip
#: Lines that would share a cell are told apart by these, in turn.
_TELL_APART = ("rows", "draw", "n", "cells")
#: The column of what learns from no rows.
NO_SIZE = "no rows"
_NOTHING = "-"


def by_size(table: Table, *, spread: bool = True) -> Table:
    """Returns a report with its sizes as columns: the smallest first, `all` last.

    A table without sizes is returned as it is.

    Args:
        table: As `formats.for_people` makes it.
        spread: Whether the standard deviation stands beside each mean.
    """
    if _SIZE not in table.columns or _VALUE not in table.columns:
        return table
    at = {name: i for i, name in enumerate(table.columns)}
    kept = [name for name in table.columns if name not in _OF_A_CELL]
    for extra in ("", *(name for name in _TELL_APART if name in at)):
        kept += [extra] if extra else []
        lines: dict[tuple[str, ...], dict[str, str]] = {}
        is_shared = False
        for row in table.rows:
            cells = lines.setdefault(tuple(row[at[name]] for name in kept), {})
            # Sizes with as many rows are the same draws, and one row of the report: each has its column.
            for size in row[at[_SIZE]].replace(_NOTHING, NO_SIZE).split(","):
                is_shared |= size in cells
                cells[size] = row[at[_VALUE]] if spread else row[at[_VALUE]].split(" ±")[0]
                if " of " in (fewer := row[at["cells"]] if "cells" in at else ""):
                    cells[size] += f" ({fewer})"
        if not is_shared:
            break
    sizes = sorted({size for cells in lines.values() for size in cells}, key=_order)
    rows = tuple((*line, *(cells.get(size, _NOTHING) for size in sizes)) for line, cells in lines.items())
    title = f"{table.title}, by size"
    title = title if spread else title.replace("mean ± std", "mean")
    return Table(
        columns=(*kept, *sizes), rows=rows, title=title, spare=tuple(name for name in table.spare if name in kept)
    )


def in_parts(table: Table, is_narrow_enough: Callable[[Table], bool]) -> list[Table]:
    """Returns a report by size as tables with fewer sizes each, the fewest that fit; a line stands where it has a size.

    Args:
        table: As `by_size` makes it.
        is_narrow_enough: Whether there is room for a table; where one with a single size has none, nothing is parted.
    """
    at = {name: i for i, name in enumerate(table.columns)}
    sizes = [name for name in table.columns if name == NO_SIZE or _order(name)[0] == 1 or name == "all"]
    kept = [name for name in table.columns if name not in sizes]
    for num in range(1, len(sizes) + 1):
        most = -(-len(sizes) // num)
        parts = []
        for start in range(0, len(sizes), most):
            of_part = sizes[start : start + most]
            rows = [row for row in table.rows if any(row[at[size]] != _NOTHING for size in of_part)]
            told = [name for name in kept if any(row[at[name]] != _NOTHING for row in rows)]
            cells = tuple(tuple(row[at[name]] for name in (*told, *of_part)) for row in rows)
            parts.append(replace(table, columns=(*told, *of_part), rows=cells))
        if all(map(is_narrow_enough, parts)):
            return parts
    return [table]


def _order(size: str) -> tuple[int, int, str]:
    if size == NO_SIZE:
        return (0, 0, "")
    return (1, int(size), "") if size.isdecimal() else (2, 0, size)
