"""Figure 1 of the paper: what each way of using small models scores with all rows, beside the generator.

Here: means over all cells and over models. Not here: lines over rows (`panels.py`).
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdc.cache.counted import counted
from sdc.pipelines.report.curves import SCORE, Curve, CurvePoint, names
from sdc.pipelines.report.figures import marks, vega
from sdc.pipelines.report.figures.lines import METHODS
from sdc.pipelines.report.figures.material import Material, is_small_llm
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.figures.vega import Spec
from sdc.pipelines.report.points import GENERATOR
from sdc.pipelines.report.result import PARTS

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.resampling import Interval

NAME = "figure-1"
_GENERATOR, _PROMPTING = "generator", "prompting small LLMs"
_WIDTH = 460
#: What each model has of its own: a bar is a mean over models, and over nothing else that makes results different.
_OF_MODEL = ("model", "model_version", "recipe")


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A way of classifying: the mean of its models, which are named with their own means; shares.

    `fewer` is the number of rows of a student that never saw all of them; None of others.
    """

    label: str
    method: str
    mean: float
    interval: "Interval | None"
    models: dict[str, float]
    cells: tuple[int, ...]
    n: int
    fewer: int | None


def plot(material: Material) -> Plot | NotDrawn:
    """Returns figure 1."""
    bars = _bars(material.curves(quantity=SCORE, every_metric=True))
    if len(bars) < 2:
        return NotDrawn(name=NAME, why="fewer than two ways of classifying are evaluated")
    cells = sorted({number for bar in bars for number in bar.cells})
    over = f"{cells[0]} to {cells[-1]} cells" if len(cells) > 1 else counted(cells[0], "cell")
    tasks = sorted({str(p.task) for p in material.found.points if p.metric == "macro_f1"})
    score = f"Accuracy ({', '.join(tasks)}: macro-F1)" if tasks else "Accuracy"
    caption = [
        f"{score}, mean over {over} (language and task) and over models; students with all synthetic rows, no others.",
        "Black lines: 95 % intervals over runs and test rows. Dots: single models. Dashes: the generator.",
    ]
    fewer = [f"{bar.label} ({counted(bar.fewer, 'row')})" for bar in bars if bar.fewer is not None]
    if fewer:
        caption.append(f"Without a run on all rows, and so on the most it has: {', '.join(fewer)}.")
    return Plot(
        name=NAME,
        title=material.title(NAME, "Score with all synthetic rows"),
        caption=tuple(caption),
        says="; ".join(f"{bar.label} {100 * bar.mean:.1f} %" for bar in bars) + ".",
        chart=_chart(bars),
        width=_WIDTH + 160,
        records=[_record(bar) for bar in bars],
    )


def _bars(found: Sequence[Curve]) -> list[Bar]:
    ways: dict[tuple[str, str], list[Curve]] = {}
    for curve in found:
        first = curve.first
        zero_shot = first.method == "icl" and first.shots == 0
        if first.role == GENERATOR:
            what = (_GENERATOR, _GENERATOR) if zero_shot else None
        elif zero_shot:
            what = (_PROMPTING, "icl") if is_small_llm(first) else None
        else:
            method = str(first.method)
            what = (METHODS.get(method, method), method) if first.source == "synthetic" else None
        if what is not None:
            ways.setdefault(what, []).append(curve)
    order = [_GENERATOR, _PROMPTING, *METHODS.values()]
    ranked = sorted(ways.items(), key=lambda way: order.index(way[0][0]) if way[0][0] in order else len(order))
    return [
        _bar(" ".join((label, *more)), method, of_bar)
        for (label, method), curves in ranked
        for more, of_bar in _apart(curves)
    ]


def _apart(found: Sequence[Curve]) -> list[tuple[tuple[str, ...], list[Curve]]]:
    """Returns the curves of each bar of one way, which differ in the model alone, with what tells the bar apart."""
    models = {curve.first.model for curve in found}
    own = _OF_MODEL if len(models) == len(found) else _OF_MODEL[:1]
    fields = [name for name in (*PARTS["method"], *PARTS["source"]) if name not in own]
    bars: dict[tuple[object, ...], list[Curve]] = {}
    for curve in found:
        bars.setdefault(tuple(getattr(curve.first, name) for name in fields), []).append(curve)
    said = names([curves[0] for curves in bars.values()], always=(), but=("method", *own))
    return [
        (tuple(word for word in words if word != f"({GENERATOR})"), curves)
        for words, curves in zip(said, bars.values(), strict=True)
    ]


def _bar(label: str, method: str, found: Sequence[Curve]) -> Bar:
    from sdc.pipelines.report.statistics.resampling import Replicates

    points = [_with_all_rows(curve) for curve in found]
    mean = statistics.fmean(point.mean for point in points)
    known = [point.replicates for point in points if point.replicates is not None]
    interval = None
    if len(known) == len(points):  # their replicates are of the same test rows
        import numpy as np

        values_B = np.mean([one.values_B for one in known], axis=0)
        interval = Replicates(estimate=mean, values_B=values_B, covers=known[0].covers).interval()
    fewer = [point.rows for point in points if point.rows is not None and "all" not in point.sizes]
    return Bar(
        label=label,
        method=method,
        mean=mean,
        interval=interval,
        models={str(curve.first.model): point.mean for curve, point in zip(found, points, strict=True)},
        cells=tuple(sorted({len(point.cells) for point in points})),
        n=sum(point.n for point in points),
        fewer=round(max(fewer)) if fewer else None,
    )


def _with_all_rows(curve: Curve) -> CurvePoint:
    return next((point for point in curve.points if "all" in point.sizes), curve.points[-1])


def _chart(bars: Sequence[Bar]) -> Spec:
    rows = [
        {"label": bar.label, "mean": 100 * bar.mean, "text": f"{100 * bar.mean:.1f}",
         "low": 100 * bar.interval.low if bar.interval else None,
         "high": 100 * bar.interval.high if bar.interval else None,
         "colour": marks.MUTED if bar.method == _GENERATOR else marks.of(bar.method, None).colour} for bar in bars
    ]  # fmt: skip
    dots = [{"label": bar.label, "mean": 100 * value} for bar in bars if len(bar.models) > 1
            for value in bar.models.values()]  # fmt: skip
    axis = {"ticks": False, "domain": False, "labelPadding": 6, "labelLimit": 200}
    y = vega.name("label", title=None, sort=[bar.label for bar in bars], axis=axis)
    x = vega.number("mean", title="mean score, %", scale={"domain": [0, 100]}, axis={"tickCount": 6})
    shade = vega.name("colour", scale=None)
    layers = [
        vega.unit(rows, "bar", {"y": y, "x": x, "color": shade}, height=19),
        vega.unit(rows, "rule", {"y": y, "x": vega.number("low"), "x2": vega.to("high")}, color=marks.INK,
                  strokeWidth=1.6),
        vega.unit(rows, "text", {"y": y, "x": {"datum": 0}, "text": vega.name("text")}, align="left", dx=6,
                  fontWeight="bold", color="white"),
    ]  # fmt: skip
    if dots:
        models = {"y": y, "x": vega.number("mean")}
        layers.insert(2, vega.unit(dots, "point", models, size=22, color=marks.INK, fill="white", opacity=1))
    if bars[0].method == _GENERATOR:
        line = [{"mean": 100 * bars[0].mean}]
        layers.append(vega.unit(line, "rule", {"x": vega.number("mean")}, color=marks.INK, strokeDash=[4, 3]))
    return {"layer": layers, "width": _WIDTH, "height": {"step": 30}}


def _record(bar: Bar) -> dict[str, object]:
    models = ", ".join(f"{model} {100 * value:.2f}" for model, value in bar.models.items())
    low, high = (bar.interval.low, bar.interval.high) if bar.interval else (None, None)
    return {
        "way": bar.label, "percent": round(100 * bar.mean, 3), "low": None if low is None else round(100 * low, 3),
        "high": None if high is None else round(100 * high, 3), "models": models,
        "cells": ", ".join(map(str, bar.cells)), "n": bar.n,
    }  # fmt: skip
