"""What runs of one student and size differ by: their draws and seeds, and the chance of answers on single test rows.

Here: means over cells of two parts of the variance of a score. Not here: a split by draw, initialisation and shots,
which needs runs in which every draw meets every initialisation.
"""

import statistics
from collections.abc import Sequence
from typing import Any

from sdc.pipelines.report.curves import SCORE, CurvePoint
from sdc.pipelines.report.figures import lines
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.of_paper import BOTH
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.points import GENERATOR

NAME = "b3-variance"
_PARTS = ("draws and seeds", "answers on single rows")
_COLOURS = ("#C24E00", "#9DB8CC")
_WIDTH = 380


def plot(material: Material) -> Plot | NotDrawn:
    """Returns the bars, of each student at its first, a middle and its last size."""
    records: list[dict[str, object]] = []
    for curve in material.curves(quantity=SCORE):
        first = curve.first
        if first.source not in BOTH or first.role == GENERATOR:
            continue
        name = f"{lines.METHODS.get(str(first.method), first.method)} {first.model}, {first.source}"
        places = sorted({0, len(curve.points) // 2, len(curve.points) - 1})
        for point in (curve.points[place] for place in places):
            parts = _parts(material, point)
            if parts is not None:
                records += [
                    {"student": name, "rows": round(point.rows or 0), "part": part, "cells": len(point.cells),
                     "variance": round(1e4 * value, 4)} for part, value in zip(_PARTS, parts, strict=True)
                ]  # fmt: skip
    if not records:
        return NotDrawn(name=NAME, why="no student has several runs of one size with readings")
    most = max(records[::2], key=lambda record: float(str(record["variance"])))
    return Plot(
        name=NAME,
        title=material.title(NAME, "Variance of a run's accuracy, in squared points"),
        caption=(
            "Mean over cells of the variance over the runs of one size. Part of it is the chance with which single "
            "test rows come out right or wrong; the rest is what draws and seeds change. ",
        ),
        says=f"Draws and seeds vary most: {most['student']} at {most['rows']} rows: {most['variance']} points squared.",
        chart=_chart(records),
        width=_WIDTH + 220,
        records=records,
    )


def _parts(material: Material, point: CurvePoint) -> tuple[float, float] | None:
    """Returns the variance of scores by draws and seeds, and by the chance of single rows; None without two runs."""
    of_runs, of_rows = [], []
    for inside in point.points:
        scores = material.found.resampled.scores(inside.members)
        if scores is None or len(scores.repeats_R) < 2:
            continue
        num_runs = len(scores.repeats_R)
        beyond_BR = scores.resampled_BR - scores.resampled_BR.mean(axis=1, keepdims=True)
        noise = float(beyond_BR.var(axis=0).mean()) * num_runs / (num_runs - 1)
        whole = float(scores.of_runs_R.var(ddof=1))
        of_runs.append(whole - noise)
        of_rows.append(noise)
    return (max(0.0, statistics.fmean(of_runs)), statistics.fmean(of_rows)) if of_runs else None


def _chart(records: Sequence[dict[str, object]]) -> Any:
    import altair as alt

    rows = [{**record, "name": f"{record['student']}, {record['rows']} rows"} for record in records]
    names = list(dict.fromkeys(str(row["name"]) for row in rows))
    axis = alt.Axis(ticks=False, domain=False, labelLimit=340, labelPadding=6)
    return (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(height=10)
        .encode(
            y=alt.Y("name:N", sort=names, title=None, axis=axis),
            x=alt.X("variance:Q", title="variance, squared points", stack="zero"),
            color=alt.Color(
                "part:N", title=None, sort=list(_PARTS), legend=alt.Legend(orient="top", symbolType="square"),
                scale=alt.Scale(domain=list(_PARTS), range=list(_COLOURS)),
            ),
            order=alt.Order("part:N", sort="descending"),
        )
        .properties(width=_WIDTH, height=alt.Step(15))
    )  # fmt: skip
