"""Rows of a stage as Arrow tables, made before the store is opened: that takes longer than keeping them.

A stage with thousands of rows gives them as a table, the others as mappings. Here: columns out of either. Not here:
which tables there are (`migrations.py`).
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyarrow import Array, Table

#: The rows of one table without their key: mappings from column to value, or an Arrow table.
TableRows: TypeAlias = Union[Sequence[Mapping[str, Any]], "Table"]
#: Table as people know it -> the rows that an artifact has in it.
Rows: TypeAlias = Mapping[str, TableRows]


def load() -> None:
    """Imports what `table` needs, which takes seconds on a busy machine: for who calls it while a store is open."""
    table([{"a": 0}])


def table(rows: Sequence[Mapping[str, Any]]) -> "Table | None":
    """Returns the rows as one table, with null where a row lacks a column that another has; None without rows."""
    if not rows:
        return None
    import pyarrow as pa

    names = sorted({name for row in rows for name in row})
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def placed(of_place: Sequence[TableRows]) -> "list[Table]":
    """Returns rows for one table, each with the number (`place`, from 0) of what it is from, in few tables.

    Args:
        of_place: Rows of several artifacts.
    """
    import pyarrow as pa

    mappings: list[dict[str, Any]] = []
    alike: dict[Any, list[Table]] = {}
    for place, rows in enumerate(of_place):
        if isinstance(rows, Sequence):
            mappings += [{"place": place, **row} for row in rows]
        elif rows.num_rows:
            whole = rows.append_column("place", pa.repeat(place, rows.num_rows))
            alike.setdefault(whole.schema, []).append(whole)
    made = table(mappings)
    return [*([] if made is None else [made]), *(pa.concat_tables(some) for some in alike.values())]


def number_lists(values_NL: "NDArray[Any]") -> "Array":
    """Returns a column with one list of 32-bit numbers per row of an array: the column `scores`.

    >>> import numpy as np
    >>> number_lists(np.array([[0.25, 0.75], [1.0, 0.0]])).to_pylist()
    [[0.25, 0.75], [1.0, 0.0]]
    """
    import numpy as np
    import pyarrow as pa

    num_rows, length = values_NL.shape
    starts = np.arange(num_rows + 1, dtype=np.int32) * np.int32(length)
    return pa.ListArray.from_arrays(starts, np.ascontiguousarray(values_NL, dtype=np.float32).ravel())


def _column(values: list[Any]) -> Any:
    """Returns one column. Lists of numbers are laid end to end, which is many times as fast (scores)."""
    import pyarrow as pa

    lists = [value for value in values if value is not None]
    if not lists or not all(isinstance(value, list | tuple) for value in lists):
        return pa.array(values)
    flat = pa.array(list(chain.from_iterable(lists)))
    if pa.types.is_floating(flat.type):
        flat = flat.cast(pa.float32())  # as the store keeps them
    elif not pa.types.is_integer(flat.type):
        return pa.array(values)
    starts, position = [], 0
    for value in values:
        starts.append(None if value is None else position)
        position += 0 if value is None else len(value)
    return pa.ListArray.from_arrays(pa.array([*starts, position], pa.int32()), flat)
