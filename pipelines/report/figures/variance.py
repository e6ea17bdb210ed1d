"""What runs of one student and size differ by, as stacked bars: means over cells of the parts of their variance.

Where every draw meets every initialisation these are the parts; elsewhere draws and seeds together, and the chance of
answers on single test rows. Here: both, and the bars. Not here: the split itself (`report/variance.py`).
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from sdc.pipelines.report import variance as crossed
from sdc.pipelines.report.curves import NAMED, SCORE, CurvePoint
from sdc.pipelines.report.figures import lines, marks, vega
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.of_paper import BOTH
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.figures.vega import Spec
from sdc.pipelines.report.points import GENERATOR
from sdc.pipelines.report.result import Result
from sdc.pipelines.stage import Context

NAME = "b3-variance"
_PARTS = ("draws and seeds", "answers on single rows")
_CROSSED = {"draw": "draw", "init": "initialisation", "rest": "both together, and noise"}
_COLOURS = ("#C24E00", "#9DB8CC", "#5B5B5B")
_WIDTH = 380
_WHOLE = "Mean over cells of the variance over the runs of one size."


def plot(context: Context, material: Material) -> Plot | NotDrawn:
    """Returns the bars: of crossed grids if there are any, else of each student at its first, middle and last size."""
    records = _crossed(crossed.run(context.store, material.found))
    parts = tuple(_CROSSED.values())
    about = "Of the results in which several draws meet the same initialisations."
    if not records:
        records, parts = _by_rows(material), _PARTS
        about = (
            "Part of it is the chance with which single test rows come out right or wrong; the rest is what draws and "
            "seeds change."
        )
    if not records:
        return NotDrawn(name=NAME, why="no student has several runs of one size with readings")
    first = [record for record in records if record["part"] == parts[0]]
    most = max(first, key=lambda record: float(str(record["variance"])))
    where = f"{most['student']} at {most['rows']} rows: {most['variance']} points squared"
    return Plot(
        name=NAME,
        title=material.title(NAME, "Variance of a run's score, in squared points"),
        caption=(f"{_WHOLE} {about}",),
        says=f"{parts[0].capitalize()} vary most: {where}.",
        chart=_chart(records, parts),
        width=_WIDTH + 220,
        records=records,
    )


def _crossed(found: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """Returns the mean variance over cells of each part, for each student and number of rows."""
    parts: dict[tuple[str, int, str], list[float]] = {}
    names = lines.students([Result(**{name: record[name] for name in NAMED}) for record in found])
    for record, student in zip(found, names, strict=True):
        what = (student, record["rows"], record["component"])
        parts.setdefault(what, []).append(record["std"] ** 2)
    return [
        {"student": student, "rows": rows, "part": _CROSSED[part], "cells": len(values),
         "variance": round(statistics.fmean(values), 4)}
        for (student, rows, part), values in parts.items() if part in _CROSSED
    ]  # fmt: skip


def _by_rows(material: Material) -> list[dict[str, object]]:
    records: list[dict[str, object]] = []
    shown = [
        curve
        for curve in material.curves(quantity=SCORE)
        if curve.first.source in BOTH and curve.first.role != GENERATOR
    ]
    for curve, student in zip(shown, lines.students([curve.first for curve in shown]), strict=True):
        places = sorted({0, len(curve.points) // 2, len(curve.points) - 1})
        for point in (curve.points[place] for place in places):
            parts = _parts(material, point)
            if parts is not None:
                records += [
                    {"student": student, "rows": round(point.rows or 0), "part": part, "cells": len(point.cells),
                     "variance": round(1e4 * value, 4)}
                    for part, value in zip(_PARTS, parts, strict=True)
                ]  # fmt: skip
    return records


def _parts(material: Material, point: CurvePoint) -> tuple[float, float] | None:
    """Returns the variance of scores by draws and seeds, and by the chance of single rows; None without two runs."""
    of_runs, of_rows = [], []
    for inside in point.points:
        scores = material.found.resampled.scores(inside.members)
        if scores is None or len(scores.repeats_R) < 2:
            continue
        whole, noise = (float(of_point[0]) for of_point in (scores.moments.variance_P, scores.moments.noise_P))
        of_runs.append(whole - noise)
        of_rows.append(noise)
    return (max(0.0, statistics.fmean(of_runs)), statistics.fmean(of_rows)) if of_runs else None


def _chart(records: Sequence[dict[str, object]], parts: Sequence[str]) -> Spec:
    rows = [{**record, "name": f"{record['student']}, {record['rows']} rows"} for record in records]
    names = list(dict.fromkeys(str(row["name"]) for row in rows))
    axis = {"ticks": False, "domain": False, "labelLimit": 340, "labelPadding": 6}
    colour = vega.name(
        "part", title=None, sort=list(parts), legend={"orient": "top", "symbolType": "square"},
        scale={"domain": list(parts), "range": list(_COLOURS[: len(parts)])},
    )  # fmt: skip
    y = vega.name("name", sort=names, title=None, axis=axis)
    encoding = {
        "y": y,
        "x": vega.number("variance", title="variance, squared points", stack="zero"),
        "color": colour,
        "order": vega.name("part", sort="descending"),
    }
    # Most bars are so short beside the longest that only a number says how long they are.
    sums = {name: sum(float(str(row["variance"])) for row in rows if row["name"] == name) for name in names}
    ends = [{"name": name, "variance": whole, "text": f"{whole:.3g}"} for name, whole in sums.items()]
    said = {"y": y, "x": vega.number("variance"), "text": vega.name("text")}
    layers = [
        vega.unit(rows, "bar", encoding, height=10),
        vega.unit(ends, "text", said, align="left", dx=5, fontSize=10, color=marks.MUTED),
    ]
    return {"layer": layers, "width": _WIDTH, "height": {"step": 15}}
