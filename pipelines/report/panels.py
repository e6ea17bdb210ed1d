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
from sdc.pipelines.report.result import PARTS, telling

_NONE = "-"
#: What makes results different, of a student and of its rows; people always see the first, the others where they tell
#: records apart.
_FIELDS = tuple(name for part in ("method", "source") for name in PARTS[part])
_SAID = ("method", "model", "shots", "source")
#: Columns that a narrow terminal leaves out, the first first.
_SPARE = ("covers", "cut", "words", "fisher p", "runs b", "runs", "strict", "first", "last", "cells", "synthetic rows",
          "human rows", "broke off", "below chance", "collapsed", "failed", "mean", "draws", "inits", "texts by time",
          "texts by money", "gap closed", "closed", "p", "barnard p", "synthetic more", "metered", "timed",
          "cached calls", "paper kg co2e", "artifacts", "paper hours each", "hours each", "code", "kind")  # fmt: skip
#: What stands for words of a number, for people.
_SHORT = {"at most ": "≤", "more than ": ">"}


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


def about(point: Point) -> dict[str, Any]:
    """Returns what a record says of a student and its rows: all that makes results different."""
    return {name: getattr(point, name) for name in (*_SAID, *(name for name in _FIELDS if name not in _SAID))}


def cell(point: Point) -> str:
    """Returns `lang/task`."""
    return f"{point.lang}/{point.task}"


def table(records: Sequence[Mapping[str, Any]], *, title: str) -> Table:
    """Returns records for people: a row each, without columns in which nothing stands or that tell nothing apart.

    Ends of an interval stand behind what they are of.

    >>> table([{"method": "lora", "rows": math.inf, "p": 0.0123456, "source": None}], title="t").rows
    (('lora', 'never', '0.0123'),)
    >>> table([{"gap": 2.0, "low": 1.5, "high": 3.0}], title="t").rows
    (('2 (1.5..3)',),)
    """
    whole = list(records[0]) if records else []
    optional = [name for name in whole if name in _FIELDS and name not in _SAID]
    told = telling(records, optional, known=[name for name in _SAID if name in whole])
    names = [
        name for name in whole
        if any(record[name] is not None for record in records) and (name in told or name not in optional)
    ]  # fmt: skip
    ends = {name: pair for name in names for pair in (_ends(name, whole),) if pair}
    names = [name for name in names if not any(name in pair for pair in ends.values())]
    rows = tuple(tuple(_with_ends(record, name, ends.get(name)) for name in names) for record in records)
    several = len({(record.get("method"), record.get("model")) for record in records}) > len(
        {record.get("method") for record in records}
    )
    spare = (*_SPARE, *(() if several else ("model",)), "shots", "worth")
    return Table(columns=tuple(name.replace("_", " ") for name in names), rows=rows, title=title, spare=spare)


def _ends(name: str, names: Sequence[str]) -> tuple[str, str] | None:
    """Returns the fields that have the ends of the interval of one: those behind it, if they do."""
    at = names.index(name) + 1
    behind = tuple(names[at : at + 2])
    return next((pair for pair in ((f"{name}_low", f"{name}_high"), ("low", "high")) if behind == pair), None)


def _with_ends(record: Mapping[str, Any], name: str, ends: tuple[str, str] | None) -> str:
    text = _text(record[name])
    known = [record[end] for end in ends or ()]
    if all(end is None for end in known) or {text, *map(_text, known)} == {"never"}:
        return text
    return f"{text} ({'..'.join(map(_text, known))})"


def for_programs(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns records as CSV and JSON have them: null is unknown, and what is infinite is `never`."""
    return [
        {name: "never" if isinstance(v, float) and math.isinf(v) else v for name, v in record.items()}
        for record in records
    ]


def points(share: float, digits: int = 1) -> float:
    """Returns a difference of shares in points."""
    return round(100 * share, digits) + 0.0  # no -0


def _text(value: Any) -> str:
    if value is None:
        return _NONE
    if isinstance(value, float):
        return "never" if value == math.inf else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return next((f"{sign}{rest}" for words, sign in _SHORT.items() if (rest := _number(str(value), words))), str(value))


def _number(text: str, words: str) -> str | None:
    """Returns the number behind some words; None if there is something else."""
    rest = text.removeprefix(words)
    return rest if rest != text and rest.isdecimal() else None
