"""Rows as a frame of the library that the user has: pandas or polars, imported only when one is asked for."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from sdc.errors import UsageError, one_of

FRAMES = ("pandas", "polars")


def frame(names: Sequence[str], rows: Sequence[Sequence[Any]], kind: str | None) -> Any:
    """Returns rows as a frame, or as dicts.

    >>> frame(["a"], [[1], [None]], None)
    [{'a': 1}, {'a': None}]

    Args:
        names: Of the columns.
        rows: What stands in them, in order.
        kind: One of `FRAMES`, or None for a list of dicts.

    Raises:
        UsageError: There is no such kind, or the library is not installed.
    """
    if kind is None:
        return [dict(zip(names, row, strict=True)) for row in rows]
    if kind not in FRAMES:
        raise UsageError(f"unknown frame {kind!r}", "frame", one_of(kind, FRAMES, "or None"))
    try:
        library = import_module(kind)
    except ModuleNotFoundError as error:
        fix = f"`pip install {kind}`, or give frame=None for a list of dicts"
        raise UsageError(f"{kind} is not installed", "frame", fix) from error
    if kind == "pandas":
        return library.DataFrame([tuple(row) for row in rows], columns=list(names))
    # A column may be whole numbers in one row and a range in another.
    return library.DataFrame(rows, schema=list(names), orient="row", infer_schema_length=None, strict=False)
