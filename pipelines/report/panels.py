"""What the statistics commands of `sdc report` have in common: panels of points, and records that become tables.

Here: `--by`, one record per row, how numbers of a record are written for people. Not here: which numbers
(`break_even.py`, `gap.py`, `failed.py`, `compare.py`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sdc.errors import UsageError, one_of
from sdc.pipelines.report.by import CELL_PARTS
from sdc.pipelines.report.formats import Table
from sdc.pipelines.report.points import MAJORITY, Point
from sdc.pipelines.report.result import PARTS

_NONE = "-"
#: Of a student, what stands in a record.
STUDENT = ("method", "model", "shots", "decoding")


def panels(points: Sequence[Point], by: Sequence[str]) -> dict[tuple[str, ...], list[Point]]:
    """Returns the points of each panel, none of a majority; the last part of a key is the metric, which is never mixed.

    Args:
        points: Of a report.
        by: Parts of a cell that are kept apart, in the order of the keys: task, lang, group.

    Raises:
        UsageError: There is no such part.
    """
    wrong = [part for part in by if part not in CELL_PARTS]
    if wrong:
        raise UsageError(f"cannot keep {wrong[0][:80]!r} apart", "--by", one_of(wrong[0][:80], CELL_PARTS))
    found: dict[tuple[str, ...], list[Point]] = {}
    for point in points:
        if point.role != MAJORITY:
            found.setdefault(tuple(str(getattr(point, part)) for part in (*by, "metric")), []).append(point)
    return dict(sorted(found.items()))


def students(points: Sequence[Point], *, but: Sequence[str] = ()) -> list[list[Point]]:
    """Returns the points of each student on one kind of rows, `but` the fields in which they may differ."""
    fields = [name for part in ("method", "source") for name in PARTS[part] if name not in but]
    found: dict[tuple[object, ...], list[Point]] = {}
    for point in points:
        found.setdefault(tuple(getattr(point, name) for name in fields), []).append(point)
    return list(found.values())


def about(point: Point, *names: str) -> dict[str, Any]:
    """Returns what a record says of a student, and of its rows the fields named."""
    return {name: getattr(point, name) for name in (*STUDENT, *names)}


def cell(point: Point) -> str:
    """Returns `lang/task`."""
    return f"{point.lang}/{point.task}"


def table(records: Sequence[Mapping[str, Any]], *, title: str) -> Table:
    """Returns records for people: a row each, without columns in which nothing stands.

    >>> table([{"method": "lora", "rows": math.inf, "p": 0.0123456, "source": None}], title="t").rows
    (('lora', 'never', '0.0123'),)
    """
    names = [name for name in (records[0] if records else {}) if any(record[name] is not None for record in records)]
    rows = tuple(tuple(_text(record[name]) for name in names) for record in records)
    return Table(columns=tuple(names), rows=rows, title=title)


def for_programs(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns records as CSV and JSON have them: null is unknown, and what is infinite is `never`."""
    return [
        {name: "never" if isinstance(v, float) and math.isinf(v) else v for name, v in record.items()}
        for record in records
    ]


def points(share: float, digits: int = 1) -> float:
    """Returns a difference of shares in points."""
    return round(100 * share, digits)


def _text(value: Any) -> str:
    if value is None:
        return _NONE
    if isinstance(value, float):
        return "never" if value == math.inf else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)
