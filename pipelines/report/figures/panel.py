"""A panel of lines over the number of rows: bands, lines, labels at their ends, where they reach zero, collapsed runs.

Here: one panel as layers of Vega-Lite. Not here: which lines it has (`of_paper.py`), several beside each other
(`panels.py`), looks (`marks.py`).
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sdc.pipelines.report.figures import marks, vega
from sdc.pipelines.report.figures.extent import Extent, LinePanel, collapsed, right_of, y_ticks
from sdc.pipelines.report.figures.lines import LinePoint, StudentLine
from sdc.pipelines.report.figures.marks import Mark
from sdc.pipelines.report.figures.vega import Spec

#: Height of a line of text, in pixels.
_LINE_PX = 13
#: Lines with more points than this have smaller ones.
_MANY_POINTS = 12
#: Noto Sans has no minus sign, and an en dash of the same font is better than a sign of another one.
_SIGNED = "datum.value == 0 ? '0' : replace(format(datum.value, '+d'), '−', '–')"
_TICKS = (10, 20, 50, 100, 200, 400, 1000, 2000, 5000, 10000, 20000)


def chart(
    panel: LinePanel, shared: Extent, *, width: int, height: int, with_y: bool, with_x: bool, words: Sequence[str]
) -> Spec:
    """Returns the panel, with some lines of words below its title."""
    decades = math.log10(shared.right / shared.left)
    end = shared.right * 10 ** (decades * shared.labels_px / (width - shared.labels_px))
    ticks = [tick for tick in _TICKS if shared.left <= tick <= shared.right * 1.01]
    room = (width - shared.labels_px) / max(1, len(ticks))
    ticks = ticks if room > 31 else ticks[::2]
    x = vega.number(
        "x", scale={"type": "log", "domain": [shared.left, end], "nice": False},
        axis={"values": ticks, "format": "d", "grid": False, "titleAnchor": "start",
              "title": "real training rows (log scale)" if with_x else None},
    )  # fmt: skip
    y = vega.number(
        "y", scale={"domain": [shared.bottom, shared.top], "nice": False, "zero": False},
        axis={"title": shared.y if with_y else None, "labels": with_y, "ticks": with_y, "domain": with_y,
              "labelExpr": _SIGNED, "values": y_ticks(shared)},
    )  # fmt: skip
    at = {"x": x, "y": y}
    looks = looks_of(panel.lines)
    ends = (shared.left, right_of(panel, shared))
    layers = [_zero(ends, at)] if shared.zero else []
    layers += _foot(panel, looks, shared, at)
    layers += [layer for line in panel.lines for layer in _band(line, looks[line.label], at)]
    layers += [layer for line in panel.lines for layer in _strokes(line, looks[line.label], ends, at)]
    layers += [layer for line in panel.lines for layer in _ring(line, looks[line.label], shared, ends, at)]
    layers += _labels(panel, looks, shared, ends[1], at, height=height)
    title = {"text": panel.title, "subtitle": list(words), "frame": "group", "offset": 8}
    return {"layer": layers, "width": width, "height": height, "title": title}


def looks_of(lines: Sequence[StudentLine]) -> dict[str, Mark]:
    """Returns label -> look; those that share a method and source get another one each."""
    seen: dict[tuple[str, str | None], int] = {}
    found = {}
    for line in lines:
        what = (line.method, line.source)
        found[line.label] = marks.of(line.method, line.source, nth=seen.get(what, 0))
        seen[what] = seen.get(what, 0) + 1
    return found


def _zero(ends: tuple[float, float], at: Spec) -> Spec:
    points = [{"x": end, "y": 0} for end in ends]
    return vega.unit(points, "line", at, color=marks.INK, strokeWidth=1.4, clip=True)


def _foot(panel: LinePanel, looks: dict[str, Mark], shared: Extent, at: Spec) -> list[Spec]:
    """Returns bars for the runs below chance, beside each other where several lines have some."""
    if not shared.foot:
        return []
    bars: list[Spec] = []
    lines = [line for line in panel.lines if any(collapsed(point) for point in line.points)]
    for number, line in enumerate(lines):
        aside = 10 ** (0.028 * (number - (len(lines) - 1) / 2))
        rows = [
            {"x": point.rows * aside, "y": shared.bottom,
             "y2": shared.bottom + shared.foot * collapsed(point) / shared.worst}
            for point in line.points if point.rows is not None and collapsed(point)
        ]  # fmt: skip
        look = looks[line.label]
        opacity = 1 if look.filled else 0.45
        upwards = {**at, "y2": vega.to("y2")}
        bars.append(vega.unit(rows, "rule", upwards, color=look.colour, strokeWidth=3.5, opacity=opacity, clip=True))
    if panel.is_first:
        text = f"runs below chance (tallest bar: {100 * shared.worst:.0f} %)"
        place = [{"x": shared.left, "y": shared.bottom + 1.18 * shared.foot, "text": text}]
        said = {**at, "text": vega.name("text")}
        bars.append(
            vega.unit(place, "text", said, align="left", baseline="bottom", dx=3, color=marks.MUTED, fontSize=9.5)
        )
    return bars


def _band(line: StudentLine, look: Mark, at: Spec) -> list[Spec]:
    rows = [
        {"x": point.rows, "y": point.low, "y2": point.high}
        for point in line.points
        if point.low is not None and point.high is not None and point.rows is not None
    ]
    if len(rows) < 2:
        return []
    return [vega.unit(rows, "area", {**at, "y2": vega.to("y2")}, color=look.colour, opacity=0.13, clip=True)]


def _strokes(line: StudentLine, look: Mark, ends: tuple[float, float], at: Spec) -> list[Spec]:
    if line.is_level:
        level = [{"x": end, "y": line.points[0].mean} for end in ends]
        return [vega.unit(level, "line", at, color=look.colour, strokeWidth=1, strokeDash=[3, 3], clip=True)]
    joined = [point for point in line.points if not point.apart]
    apart = [point for point in line.points if point.apart]
    layers = []
    if len(joined) > 1:
        dash = list(look.dash)
        layers.append(_path(joined, at, color=look.colour, strokeWidth=2, strokeDash=dash, clip=True))
    layers += [
        _path(pair, at, color=look.colour, strokeWidth=1.4, strokeDash=[1, 4])
        for pair in pairwise([*joined[-1:], *apart])
    ]
    shapes = vega.unit(
        [_place(point) for point in line.points], "point", at,
        shape=look.shape, size=26 if len(line.points) <= _MANY_POINTS else 14, filled=True,
        fill=look.colour if look.filled else "white", stroke=look.colour, opacity=1, strokeWidth=1.4, clip=True,
    )  # fmt: skip
    return [*layers, shapes]


def _path(points: Sequence[LinePoint], at: Spec, **look: Any) -> Spec:
    return vega.unit([_place(point) for point in points], "line", at, **look)


def _place(point: LinePoint) -> dict[str, Any]:
    return {"x": point.rows, "y": point.mean}


def _ring(line: StudentLine, look: Mark, shared: Extent, ends: tuple[float, float], at: Spec) -> list[Spec]:
    """Returns a ring on the zero line where the line reaches it, over the interval of that place."""
    even = line.even
    if even is None or not shared.zero or not even.smallest < even.even < math.inf:
        return []
    low, high = max(even.low, ends[0]), min(even.high, ends[1])
    bar = [{"x": end, "y": 0} for end in (low, high)]
    layers = [vega.unit(bar, "line", at, color=look.colour, strokeWidth=5, opacity=0.5, clip=True)]
    if even.high == math.inf:
        coloured = {**at, "color": {"value": look.colour}}
        layers.append(vega.unit(bar[1:], "point", coloured, shape="triangle-right", size=70, filled=True, opacity=1))
    ring = vega.unit(
        [{"x": even.even, "y": 0}], "point", at,
        shape="circle", size=95, filled=True, fill="white", stroke=look.colour, strokeWidth=2.2, opacity=1,
    )  # fmt: skip
    return [*layers, ring]


def _labels(
    panel: LinePanel, looks: dict[str, Mark], shared: Extent, right: float, at: Spec, *, height: int
) -> list[Spec]:
    """Returns the names at the ends of the lines, moved apart where they would overlap."""
    named = [(line.label, line.points[-1].mean, looks[line.label].colour, line.is_level) for line in panel.lines]
    named += [(shared.zero, 0.0, marks.INK, False)] if shared.zero else []
    point_px = (shared.top - shared.bottom) / height
    places = marks.spread(
        [mean for _, mean, _, _ in named],
        gap=_LINE_PX * point_px,
        low=shared.bottom + 6 * point_px,
        high=shared.top - 6 * point_px,
    )
    rows = [
        {"x": right, "y": place, "text": label, "colour": colour, "weight": "normal" if is_level else "bold"}
        for (label, _, colour, is_level), place in zip(named, places, strict=True)
    ]
    said = {**at, "text": vega.name("text"), "color": vega.name("colour", scale=None)}
    return [
        vega.unit(
            rows, "text", said, where=f"datum.weight == '{weight}'",
            align="left", baseline="middle", dx=8, fontWeight=weight, fontSize=size,
        )
        for weight, size in (("bold", 11), ("normal", 10))
    ]  # fmt: skip


def reached(lines: Sequence[StudentLine], width: int) -> list[str]:
    """Returns where each line reaches the generator, in words, in lines that are no wider than the panel."""
    who: dict[str, list[str]] = {}
    for line in lines:
        if words := line.words():
            who.setdefault("not reached" if words.startswith("not reached") else words, []).append(line.label)
    said = [f"{', '.join(labels)}: {words}" for words, labels in who.items()]
    return marks.wrapped("; ".join(said), width_px=width, whole=said)
