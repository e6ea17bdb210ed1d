"""A panel of lines over the number of rows: bands, lines, labels at their ends, where they reach zero, collapsed runs.

Here: one panel as layers of Altair. Not here: which lines it has (`of_paper.py`), several beside each other
(`panels.py`), looks (`marks.py`).
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from sdc.pipelines.report.figures import marks
from sdc.pipelines.report.figures.extent import Extent, LinePanel, collapsed, y_ticks
from sdc.pipelines.report.figures.lines import LinePoint, StudentLine
from sdc.pipelines.report.figures.marks import Mark

#: Height of a line of text, in pixels.
_LINE_PX = 13
#: Lines with more points than this have smaller ones.
_MANY_POINTS = 12
#: Noto Sans has no minus sign, and an en dash of the same font is better than a sign of another one.
_SIGNED = "datum.value == 0 ? '0' : replace(format(datum.value, '+d'), '−', '–')"
_TICKS = (10, 20, 50, 100, 200, 400, 1000, 2000, 5000, 10000, 20000)


def chart(
    panel: LinePanel, shared: Extent, *, width: int, height: int, with_y: bool, with_x: bool, words: Sequence[str]
) -> Any:
    """Returns the panel as an Altair chart, with some lines of words below its title."""
    import altair as alt

    decades = math.log10(shared.right / shared.left)
    end = shared.right * 10 ** (decades * shared.labels_px / (width - shared.labels_px))
    ticks = [tick for tick in _TICKS if shared.left <= tick <= shared.right * 1.01]
    room = (width - shared.labels_px) / max(1, len(ticks))
    ticks = ticks if room > 31 else ticks[::2]
    x = alt.X(
        "x:Q", scale=alt.Scale(type="log", domain=[shared.left, end], nice=False),
        axis=alt.Axis(values=ticks, format="d", grid=False, title="real training rows (log scale)" if with_x else None,
                      titleAnchor="start"),
    )  # fmt: skip
    y = alt.Y(
        "y:Q", scale=alt.Scale(domain=[shared.bottom, shared.top], nice=False, zero=False),
        axis=alt.Axis(title=shared.y if with_y else None, labels=with_y, ticks=with_y, domain=with_y,
                      labelExpr=_SIGNED, values=y_ticks(shared)),
    )  # fmt: skip
    looks = looks_of(panel.lines)
    layers = [_zero(shared, x, y)] if shared.zero else []
    layers += _foot(panel, looks, shared, x, y)
    layers += [layer for line in panel.lines for layer in _band(line, looks[line.label], x, y)]
    layers += [layer for line in panel.lines for layer in _strokes(line, looks[line.label], shared, x, y)]
    layers += [layer for line in panel.lines for layer in _ring(line, looks[line.label], shared, x, y)]
    layers.append(_labels(panel, looks, shared, x, y, height=height))
    title = alt.Title(text=panel.title, subtitle=list(words), frame="group", offset=8)
    return alt.layer(*layers).properties(width=width, height=height, title=title)


def looks_of(lines: Sequence[StudentLine]) -> dict[str, Mark]:
    """Returns label -> look; those that share a method and source get another one each."""
    seen: dict[tuple[str, str | None], int] = {}
    found = {}
    for line in lines:
        what = (line.method, line.source)
        found[line.label] = marks.of(line.method, line.source, nth=seen.get(what, 0))
        seen[what] = seen.get(what, 0) + 1
    return found


def _data(rows: Sequence[dict[str, Any]]) -> Any:
    import altair as alt

    return alt.Chart(alt.InlineData(values=list(rows)))


def _zero(shared: Extent, x: Any, y: Any) -> Any:
    points = [{"x": shared.left, "y": 0}, {"x": shared.right, "y": 0}]
    return _data(points).mark_line(color=marks.INK, strokeWidth=1.4, clip=True).encode(x=x, y=y)


def _foot(panel: LinePanel, looks: dict[str, Mark], shared: Extent, x: Any, y: Any) -> list[Any]:
    """Returns bars for the runs below chance, beside each other where several lines have some."""
    if not shared.foot:
        return []
    bars: list[Any] = []
    lines = [line for line in panel.lines if any(collapsed(point) for point in line.points)]
    for number, line in enumerate(lines):
        aside = 10 ** (0.028 * (number - (len(lines) - 1) / 2))
        rows = [
            {"x": point.rows * aside, "y": shared.bottom,
             "y2": shared.bottom + shared.foot * collapsed(point) / shared.worst}
            for point in line.points if point.rows is not None and collapsed(point)
        ]  # fmt: skip
        look = looks[line.label]
        bar = _data(rows).mark_rule(color=look.colour, strokeWidth=3.5, opacity=1 if look.filled else 0.45, clip=True)
        bars.append(bar.encode(x=x, y=y, y2="y2:Q"))
    if panel.is_first:
        text = f"runs below chance (tallest bar: {100 * shared.worst:.0f} %)"
        place = [{"x": shared.left, "y": shared.bottom + 1.18 * shared.foot, "text": text}]
        bars.append(
            _data(place)
            .mark_text(align="left", baseline="bottom", dx=3, color=marks.MUTED, fontSize=9.5)
            .encode(x=x, y=y, text="text:N")
        )
    return bars


def _band(line: StudentLine, look: Mark, x: Any, y: Any) -> list[Any]:
    rows = [
        {"x": point.rows, "y": point.low, "y2": point.high}
        for point in line.points
        if point.low is not None and point.high is not None and point.rows is not None
    ]
    if len(rows) < 2:
        return []
    return [_data(rows).mark_area(color=look.colour, opacity=0.13, clip=True).encode(x=x, y=y, y2="y2:Q")]


def _strokes(line: StudentLine, look: Mark, shared: Extent, x: Any, y: Any) -> list[Any]:
    if line.is_level:
        ends = [{"x": at, "y": line.points[0].mean} for at in (shared.left, shared.right)]
        mark = _data(ends).mark_line(color=look.colour, strokeWidth=1, strokeDash=[3, 3], clip=True)
        return [mark.encode(x=x, y=y)]
    joined = [point for point in line.points if not point.apart]
    apart = [point for point in line.points if point.apart]
    layers = []
    if len(joined) > 1:
        mark = _data([_place(point) for point in joined])
        layers.append(
            mark.mark_line(color=look.colour, strokeWidth=2, strokeDash=list(look.dash), clip=True).encode(x=x, y=y)
        )
    for before, after in pairwise([*joined[-1:], *apart]):
        mark = _data([_place(before), _place(after)]).mark_line(color=look.colour, strokeWidth=1.4, strokeDash=[1, 4])
        layers.append(mark.encode(x=x, y=y))
    shapes = _data([_place(point) for point in line.points]).mark_point(
        shape=look.shape, size=26 if len(line.points) <= _MANY_POINTS else 14, filled=True,
        fill=look.colour if look.filled else "white", stroke=look.colour, opacity=1, strokeWidth=1.4, clip=True,
    )  # fmt: skip
    return [*layers, shapes.encode(x=x, y=y)]


def _place(point: LinePoint) -> dict[str, Any]:
    return {"x": point.rows, "y": point.mean}


def _ring(line: StudentLine, look: Mark, shared: Extent, x: Any, y: Any) -> list[Any]:
    """Returns a ring on the zero line where the line reaches it, over the interval of that place."""
    even = line.even
    if even is None or not shared.zero or not even.smallest < even.even < math.inf:
        return []
    low, high = max(even.low, shared.left), min(even.high, shared.right)
    bar = _data([{"x": at, "y": 0} for at in (low, high)])
    layers = [bar.mark_line(color=look.colour, strokeWidth=5, opacity=0.5, clip=True).encode(x=x, y=y)]
    if even.high == math.inf:
        arrow = _data([{"x": high, "y": 0}]).mark_point(shape="triangle-right", size=70, filled=True, opacity=1)
        layers.append(arrow.encode(x=x, y=y, color=_value(look.colour)))
    ring = _data([{"x": even.even, "y": 0}]).mark_point(
        shape="circle", size=95, filled=True, fill="white", stroke=look.colour, strokeWidth=2.2, opacity=1
    )
    return [*layers, ring.encode(x=x, y=y)]


def _value(colour: str) -> Any:
    import altair as alt

    return alt.value(colour)


def _labels(panel: LinePanel, looks: dict[str, Mark], shared: Extent, x: Any, y: Any, *, height: int) -> Any:
    """Returns the names at the ends of the lines, moved apart where they would overlap."""
    import altair as alt

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
        {"x": shared.right, "y": place, "text": label, "colour": colour, "weight": "normal" if is_level else "bold"}
        for (label, _, colour, is_level), place in zip(named, places, strict=True)
    ]
    base = _data(rows).encode(x=x, y=y, text="text:N", color=alt.Color("colour:N", scale=None))
    texts = [
        base.transform_filter(f"datum.weight == '{weight}'").mark_text(
            align="left", baseline="middle", dx=8, fontWeight=weight, fontSize=size
        )
        for weight, size in (("bold", 11), ("normal", 10))
    ]
    return alt.layer(*texts)


def reached(lines: Sequence[StudentLine], width: int) -> list[str]:
    """Returns where each line reaches the generator, in words, in lines that are no wider than the panel."""
    who: dict[str, list[str]] = {}
    for line in lines:
        if words := line.words():
            who.setdefault("not reached" if words.startswith("not reached") else words, []).append(line.label)
    said = [f"{', '.join(labels)}: {words}" for words, labels in who.items()]
    return marks.wrapped("; ".join(said), width_px=width)
