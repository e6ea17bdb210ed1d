"""The reader audit as slopes: what each student scores under one reader of its replies, and under another.

Here: means over cells of runs that several readers read. Not here: single replies (`audit.py`).
"""

import statistics
from collections.abc import Mapping, Sequence

from sdc.pipelines.records import results
from sdc.pipelines.report.figures import lines, marks, vega
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.figures.vega import Spec
from sdc.pipelines.report.panels import cell
from sdc.pipelines.report.points import Point
from sdc.pipelines.stage import Context

NAME = "b5-readers"
_WIDTH, _HEIGHT, _LABELS_PX, _LINE_PX = 220, 360, 330, 13


def plot(context: Context, material: Material) -> Plot | NotDrawn:
    """Returns the figure: readers from left to right, a line per student."""
    records = _records(context, material.found.points)
    readers = sorted({str(record["reader"]) for record in records}, key=lambda name: (name != "strict", name))
    if len(readers) < 2:
        return NotDrawn(name=NAME, why="no run was read by two readers; run `sdc eval --reader paper-code`")
    lost: dict[str, dict[str, float]] = {}
    for record in records:
        lost.setdefault(str(record["student"]), {})[str(record["reader"])] = float(str(record["percent"]))
    falls = {who: of[readers[1]] - of[readers[0]] for who, of in lost.items() if {*readers[:2]} <= of.keys()}
    return Plot(
        name=NAME,
        title=material.title(NAME, "Accuracy of the same replies under different readers"),
        caption=(
            "Mean over cells and sizes of the runs that several readers read; the model said the same under each.",
        ),
        says="; ".join(f"{who} {change:+.1f} under {readers[1]}" for who, change in falls.items()) + ".",
        chart=_chart(records, readers),
        width=_WIDTH + _LABELS_PX,
        records=records,
    )


def _records(context: Context, points: Sequence[Point]) -> list[dict[str, object]]:
    """Returns the mean over cells of each student under each reader; in a cell its runs of all sizes count alike."""
    of_run = {member.run: point for point in points for member in point.members}
    read = results.by_reader(context.store, list(of_run))
    names = lines.students([of_run[run] for run, _, _ in read], but=("reader",))
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    for (run, reader, accuracy), student in zip(read, names, strict=True):
        found.setdefault((student, reader), {}).setdefault(cell(of_run[run]), []).append(accuracy)
    return [
        {"student": student, "reader": reader, "cells": len(cells), "runs": sum(map(len, cells.values())),
         "percent": round(100 * statistics.fmean(map(statistics.fmean, cells.values())), 3)}
        for (student, reader), cells in sorted(found.items())
    ]  # fmt: skip


def _chart(records: Sequence[Mapping[str, object]], readers: Sequence[str]) -> Spec:
    students = list(dict.fromkeys(str(record["student"]) for record in records))
    palette = [marks.of("", None, nth=number + 1).colour for number in range(len(students))]
    values = [float(str(record["percent"])) for record in records]
    low, high = min(values) - 2, max(values) + 2
    last = {str(r["student"]): float(str(r["percent"])) for r in records if r["reader"] == readers[-1]}
    places = marks.spread(list(last.values()), gap=_LINE_PX * (high - low) / _HEIGHT, low=low, high=high)
    ends = [
        {"student": student, "reader": readers[-1], "at": at, "text": f"{value:.0f}  {student}"}
        for (student, value), at in zip(last.items(), places, strict=True)
    ]
    axis = {"labelAngle": 0, "orient": "top", "domain": False, "ticks": False, "grid": True}
    x = vega.name("reader", sort=list(readers), title=None, scale={"padding": 0.15}, axis=axis)
    colour = vega.name("student", legend=None, scale={"domain": students, "range": palette})
    y = {"title": "mean accuracy, %", "scale": {"domain": [low, high], "nice": False, "zero": False}}
    at = {"x": x, "y": vega.number("percent", **y), "color": colour}
    named = {"x": x, "y": vega.number("at", **y), "color": colour, "text": vega.name("text")}
    layers = [
        vega.unit(records, "line", at, strokeWidth=1.8),
        vega.unit(records, "point", at, filled=True, size=40, opacity=1),
        vega.unit(ends, "text", named, align="left", dx=10, fontSize=10.5),
    ]
    return {"layer": layers, "width": _WIDTH, "height": _HEIGHT}
