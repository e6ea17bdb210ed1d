"""Rows of a stage as Arrow tables, made before the store is opened: that takes longer than keeping them.

Here: columns out of mappings. Not here: which tables there are (`migrations.py`).
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow import Table


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


def _column(values: list[Any]) -> Any:
    """Returns one column. Lists of numbers are laid end to end, which is many times as fast (scores)."""
    import pyarrow as pa

    lists = [value for value in values if value is not None]
    if not lists or not all(isinstance(value, list | tuple) for value in lists):
        return pa.array(values)
    flat = pa.array(list(chain.from_iterable(lists)))
    if not pa.types.is_floating(flat.type) and not pa.types.is_integer(flat.type):
        return pa.array(values)
    starts, position = [], 0
    for value in values:
        starts.append(None if value is None else position)
        position += 0 if value is None else len(value)
    return pa.ListArray.from_arrays(pa.array([*starts, position], pa.int32()), flat)
