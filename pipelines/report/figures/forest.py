"""Break-even of each cell: from how many synthetic rows a student reaches its generator there, with its interval.

Here: a panel per student, cells sorted. Not here: where a curve crosses (`statistics/break_even.py`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sdc.pipelines.report.figures import lines, marks, vega
from sdc.pipelines.report.figures.material import Material, from_sources
from sdc.pipelines.report.figures.of_paper import SYNTHETIC
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.figures.vega import Spec
from sdc.pipelines.report.points import GENERATOR

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.break_even import BreakEven

#: The words that name a student on one kind of rows, the method first.
_Student = tuple[str, ...]
NAME = "b1-break-even"
#: Panels side by side at the most; the first ones are kept.
_MOST_PANELS = 8
_WIDTH = 150


def plot(material: Material) -> Plot | NotDrawn:
    """Returns the forest plot of all cells."""
    found = _evens(material)
    if not found:
        return NotDrawn(name=NAME, why="no student on synthetic rows has differences to a generator with intervals")
    every = list(dict.fromkeys(label for of_cell in found.values() for label in of_cell))
    students = every[:_MOST_PANELS]
    left_out = f" The first {_MOST_PANELS} of {len(every)} students." if len(every) > _MOST_PANELS else ""
    cells = sorted(found, key=lambda cell: _rank(found[cell], students))
    records = [_record(cell, label, found[cell][label]) for cell in cells for label in students if label in found[cell]]
    reached = {
        label: sum(r["break_even"] is not None for r in records if r["student"] == " ".join(label))
        for label in students
    }
    of = {label: sum(r["student"] == " ".join(label) for r in records) for label in students}
    return Plot(
        name=NAME,
        title=material.title(NAME, "Synthetic rows at which a student reaches the generator, by cell"),
        caption=(
            "Each dot: where a monotone fit of the difference crosses zero, with its 95 % interval over runs and test "
            "rows. Triangle to the left: at its first size already. Arrow to the right: not reached with all rows. A "
            "bar to the right edge: the interval has no upper end." + left_out,
        ),
        says="; ".join(
            f"{' '.join(label)} reaches the generator in {reached[label]} of {of[label]} cells" for label in students
        )
        + ".",
        chart=_chart(found, cells, students),
        width=_WIDTH * len(students),
        records=records,
    )


def _evens(material: Material) -> "dict[str, dict[_Student, BreakEven]]":
    """Returns cell -> student -> its break-even, by the order in which students come."""
    cells = sorted({(str(p.task), str(p.lang)) for p in material.found.points})
    rising = [
        (f"{lang}/{task}", curve)
        for task, lang in cells
        for curve in from_sources(material.curves(task=task, lang=lang), SYNTHETIC)
        if curve.first.role != GENERATOR and curve.points[0].rows is not None and curve.break_even is not None
    ]
    found: dict[str, dict[_Student, BreakEven]] = {}
    # Named together: a student is called the same in every cell, and two curves of one cell never share a name.
    names = lines.in_words([curve for _, curve in rising], always=("method", "model"))
    for (cell, curve), name in zip(rising, names, strict=True):
        if curve.break_even is not None:
            found.setdefault(cell, {})[name] = curve.break_even
    return found


def _rank(of_cell: "Mapping[_Student, BreakEven]", students: "Sequence[_Student]") -> list[float]:
    return [of_cell[label].even if label in of_cell else math.inf for label in students]


def _chart(
    found: "Mapping[str, Mapping[_Student, BreakEven]]", cells: Sequence[str], students: "Sequence[_Student]"
) -> Spec:
    evens = [even for of_cell in found.values() for even in of_cell.values()]
    left, right = min(even.smallest for even in evens) / 1.3, max(even.largest for even in evens) * 1.3
    scale = {"type": "log", "domain": [left, right], "nice": False}
    panels: list[Spec] = []
    for label in students:
        # Said once, below the first panel; the others have as much room there.
        said = "\u00a0" if panels else "rows (log scale)"
        axis_x = {"values": [10, 100, 1000, 10000], "format": "d", "titleAnchor": "start"}
        x = {"title": said, "scale": scale, "axis": axis_x}
        rows = [_row(cell, found[cell][label], left, right) for cell in cells if label in found[cell]]
        axis = {"grid": True, "ticks": False, "domain": False, "labels": not panels, "labelPadding": 6}
        y = vega.name("cell", title=None, sort=list(cells), scale={"domain": list(cells)}, axis=axis)
        method_name, *more = label
        method = next((name for name, said in lines.METHODS.items() if method_name == said), "")
        colour = marks.of(method, None).colour
        bar = {"y": y, "x": vega.number("low", **x), "x2": vega.to("high")}
        layers = [vega.unit(rows, "rule", bar, color=colour, strokeWidth=1.6, opacity=0.6)]
        for kind, shape in (("at", "circle"), ("first", "triangle-left"), ("never", "triangle-right")):
            at = {"y": y, "x": vega.number("x", **x)}
            where = f"datum.kind == '{kind}'"
            layers.append(
                vega.unit(rows, "point", at, where=where, shape=shape, size=46, filled=True, color=colour, opacity=1)
            )
        title = {"text": method_name, "subtitle": more, "frame": "group"}
        panels.append({"layer": layers, "width": _WIDTH - 16, "height": {"step": 14}, "title": title})
    return vega.beside(panels, spacing=12)


def _row(cell: str, even: "BreakEven", left: float, right: float) -> dict[str, Any]:
    kind = "never" if even.even == math.inf else "first" if even.even <= even.smallest else "at"
    at = right / 1.12 if kind == "never" else even.even
    return {
        "cell": cell,
        "kind": kind,
        "x": at,
        "low": max(left, min(even.low, at)),
        "high": min(right / 1.12, even.high),
    }


def _record(cell: str, label: "_Student", even: "BreakEven") -> dict[str, object]:
    def number(value: float) -> float | None:
        return None if value == math.inf else round(value, 2)

    return {
        "cell": cell, "student": " ".join(label), "break_even": number(even.even), "low": number(even.low),
        "high": number(even.high), "sure": number(even.sure), "strict": None if even.strict is None else
        number(even.strict), "smallest": even.smallest, "largest": even.largest, "in_words": even.words(even.even),
    }  # fmt: skip
