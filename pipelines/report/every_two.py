"""report compare without names: every two students on the same draws, with one interval and one test for each pair.

Here: which students are held against each other, and at which size. Not here: intervals, tests and their correction
(`compare.py`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from sdc.pipelines.report import Found
from sdc.pipelines.report.compare import by_size, compared, corrected, said
from sdc.pipelines.report.panels import cell, panels, students
from sdc.pipelines.report.points import GENERATOR, Point, on_same_rows
from sdc.pipelines.stage import Context

TITLE = "every two students on the same draws, first minus second in points"
WORDS = (
    "Every two students that learnt from the same kind of rows, first minus second in points, on the same draws: at"
    " the largest size of those that most of their cells have. The 95 % interval is about new draws, seeds and texts."
    " p is about these tests alone: the signs of the differences between repeats are flipped, so that of few"
    " repeats it cannot be small (of three at least 0.25). p holm is corrected for all rows of this table, which are"
    " one family."
)

#: Of more students in one panel, no pair is compared: one family of so many tests tells nothing, and takes minutes.
_MOST = 30

_Held = list[tuple[Point, Point]]


def run(context: Context, found: Found, by: Sequence[str] = ("group",)) -> list[dict[str, Any]]:
    """Returns one record per pair of students, kind of rows and panel, over the cells that both have.

    Args:
        context: Where readings are; hears which cells, and panels of more than thirty students, are left out.
        found: All points; the generator and what has no rows are no students.
        by: Parts of a cell that are kept apart.
    """
    shown = [point for point in found.points if point.rows is not None and point.role != GENERATOR and point.n]
    records: list[dict[str, Any]] = []
    for what, inside in panels(shown, by).items():
        where = dict(zip((*by, "metric"), what, strict=True))
        every = students(inside)
        if len(every) > _MOST:
            which = " ".join(map(str, what))
            context.say(
                f"report compare: {len(every)} students in {which} are too many for every two: name two of them"
            )
            continue
        for one, other in combinations(every, 2):
            held = _held(context, one, other)
            if held:
                size, pairs = max(enumerate(by_size(held)), key=lambda of: (len(of[1][1]), of[0]))[1]
                made = compared(context, found.resampled, pairs)
                records += [] if made is None else [{**where, **said(*pairs[0]), "size": size or None, **made}]
    return corrected(records)


def _held(context: Context, ones: Sequence[Point], others: Sequence[Point]) -> _Held:
    """Returns the points of two students that are of the same draws and test."""
    of_test: dict[tuple[object, ...], list[Point]] = {}
    for other in others:
        of_test.setdefault((other.lang, other.task, other.test, other.rows), []).append(other)
    found = [
        (one, other)
        for one in ones
        for other in of_test.get((one.lang, one.task, one.test, one.rows), ())
        if on_same_rows(one, other)
    ]
    several = set(_several(found))
    for name in sorted(several):
        context.say(f"report compare: {name} has several results of one student on the same rows, and is left out")
    return [(one, other) for one, other in found if cell(one) not in several]


def _several(held: _Held) -> Iterator[str]:
    """Yields the cells that have more than one pair of some size."""
    counts = Counter((cell(one), one.rows, one.size) for one, _ in held)
    yield from (name for (name, _, _), number in counts.items() if number > 1)
