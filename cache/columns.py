"""Rows of a stage as Arrow tables, made before the store is opened: that takes longer than keeping them.

A stage with thousands of rows gives them as a table, the others as mappings. Here: columns out of either. Not here:
which tables there are (`migrations.py`).
"""

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias, Union

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyarrow import Table

#: The rows of one table without their key: mappings from column to value, or an Arrow table.
TableRows: TypeAlias = Union[Sequence[Mapping[str, Any]], "Table"]
#: Table as people know it -> the rows that an artifact has in it.
Rows: TypeAlias = Mapping[str, TableRows]


@cache
def load() -> None:
    """Imports what `table` needs, which takes seconds on a busy machine: for who calls it while a store is open.

    Without pandas, for which pyarrow looks when it is given its first list: sdc has none of its objects, and it takes
    as long to load as all else that a command needs. Who imports pandas gets it all the same.
    """
    import pyarrow as pa

    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_NoPandas)


class _NoPandas:
    """A finder of modules to which there is no pandas."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)


def table(rows: Sequence[Mapping[str, Any]]) -> "Table | None":
    """Returns the rows as one table, with null where a row lacks a column that another has; None without rows."""
    if not rows:
        return None
    load()
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


def scored(idxs: Sequence[int], scores: "Sequence[Sequence[float]] | NDArray[Any]") -> "Table":
    """Returns rows of `outputs` from scores, which are one per label in every row.

    Args:
        idxs: Of the rows.
        scores: In their order.

    Raises:
        ValueError: They are not as many as the rows, or one row has more than another.

    >>> scored([0, 2], [[0.25, 0.75], [1.0, 0.0]]).to_pylist()
    [{'idx': 0, 'scores': [0.25, 0.75]}, {'idx': 2, 'scores': [1.0, 0.0]}]
    """
    load()
    import numpy as np
    import pyarrow as pa

    scores_NL = np.ascontiguousarray(scores, dtype=np.float32)
    if scores_NL.ndim != 2 or len(scores_NL) != len(idxs):
        raise ValueError(f"scores of the shape {scores_NL.shape} are not those of {len(idxs)} rows")
    starts = np.arange(len(idxs) + 1, dtype=np.int32) * np.int32(scores_NL.shape[1])
    return pa.table({"idx": pa.array(idxs, pa.int32()), "scores": pa.ListArray.from_arrays(starts, scores_NL.ravel())})


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
