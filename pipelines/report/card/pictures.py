"""The pictures of a data card as SVG: lengths, nearest neighbours, rows per label.

Here: what is drawn. Not here: what is measured, the page around it (`page.py`).
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from sdc.pipelines.report.card import Card
from sdc.pipelines.text.visible import in_all

#: Okabe and Ito's colours, which colour-blind people can tell apart.
_COLOURS = {
    "synthetic": "#D55E00", "human": "#0072B2", "synthetic to human": "#D55E00", "human to human": "#0072B2",
    "synthetic to synthetic": "#CC79A7",
}  # fmt: skip
_WIDTH, _HEIGHT, _NUM_BINS = 420, 190, 30
_FONT = "system-ui, 'Noto Sans', sans-serif"
_LEGEND = {"orient": "top", "symbolOpacity": 1, "symbolType": "square", "symbolStrokeWidth": 0}
#: Longer names of labels are cut in the picture; the table beside it has them whole.
_MOST_LABEL_PIXELS = 220
#: About so many numbers stand at an axis: a browser's font may be wider than the one that is measured here.
_NUM_TICKS = 6


def draw(card: Card) -> dict[str, str]:
    """Returns the pictures of a card as SVG, by what they show. What a card cannot tell is not drawn."""
    found = {}
    if "lengths" in card.series and all(card.series["lengths"].values()):
        found["lengths"] = _svg(_lengths(card.series["lengths"]), prefix=f"{card.cell}-lengths")
    if "neighbours" in card.series:
        found["neighbours"] = _svg(_neighbours(card.series["neighbours"]), prefix=f"{card.cell}-neighbours")
    found["labels"] = _svg(_labels(card), prefix=f"{card.cell}-labels")
    return found


def histogram(values: Sequence[float], edges: Sequence[float]) -> list[float]:
    """Returns the share of the values between each two edges; the last bin holds its upper edge and all above.

    >>> histogram([1, 2, 2, 9], [0, 2, 4])
    [0.25, 0.75]
    """
    counts = [0] * (len(edges) - 1)
    for value in values:
        place = next((i for i, (_, end) in enumerate(pairwise(edges)) if value < end), len(counts) - 1)
        counts[place] += 1
    return [count / len(values) for count in counts]


def _lengths(series: Mapping[str, Sequence[float]]) -> Any:
    longest = max(sorted(values)[int(0.99 * (len(values) - 1))] for values in series.values())
    width = max(1, -(-int(longest + 1) // _NUM_BINS))
    edges = [width * i for i in range(_NUM_BINS + 1)]
    return _steps(series, edges, x=f"characters (the last bin: {edges[-2]} and more)", digits=0)


def _neighbours(series: Mapping[str, Sequence[float]]) -> Any:
    edges = [i / 20 for i in range(21)]
    return _steps(series, edges, x="similarity to the nearest row (1: the same)", digits=1)


def _steps(series: Mapping[str, Sequence[float]], edges: Sequence[float], *, x: str, digits: int) -> Any:
    import altair as alt

    points = []
    for side, values in series.items():
        shares = histogram(values, edges)
        steps = zip(edges, [*shares, shares[-1]], strict=True)  # a last point, or the last step would have no width
        points += [{"side": side, "at": at, "share": share} for at, share in steps]
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X(
            "at:Q", title=x, axis=alt.Axis(grid=False, format=f".{digits}f", tickCount=_NUM_TICKS),
            scale=alt.Scale(domain=[edges[0], edges[-1]], nice=False),
        ),
        y=alt.Y("share:Q", title="share of rows", axis=alt.Axis(format="%", tickCount=_NUM_TICKS), stack=None),
        color=alt.Color("side:N", title=None, sort=list(series), scale=_colours(series)),
    )  # fmt: skip
    fill = base.mark_area(interpolate="step-after", opacity=0.12)
    return (fill + base.mark_line(interpolate="step-after", strokeWidth=2)).properties(width=_WIDTH, height=_HEIGHT)


def _labels(card: Card) -> Any:
    """Returns two panels with a scale each: human rows are often a hundred times as many."""
    import altair as alt

    names = [row.name for row in card.labels]
    rows = [
        {"label": row.name, "synthetic": row.synthetic, "human": row.human, "quota": row.quota} for row in card.labels
    ]
    base = alt.Chart(alt.InlineData(values=rows)).properties(width=_WIDTH // 2, height=alt.Step(18))
    panels: list[Any] = []
    for side in ("synthetic", "human"):
        axis = alt.Axis(labelLimit=_MOST_LABEL_PIXELS) if not panels else None
        y = alt.Y("label:N", title=None, sort=names, axis=axis)
        title = f"{side} rows" + (" (the mark: the quota)" if side == "synthetic" else "")
        panel = base.mark_bar(color=_COLOURS[side]).encode(y=y, x=alt.X(f"{side}:Q", title=title, axis=_few_ticks()))
        if side == "synthetic" and any(row.quota for row in card.labels):
            panel += base.mark_tick(color="#222", thickness=2, size=14).encode(y=y, x="quota:Q")
        panels.append(panel)
    return alt.hconcat(*panels, spacing=24)


def _few_ticks() -> Any:
    import altair as alt

    return alt.Axis(tickCount=3, tickMinStep=1)


def _colours(sides: Any) -> Any:
    import altair as alt

    return alt.Scale(domain=list(sides), range=[_COLOURS[side] for side in sides])


def _svg(chart: Any, *, prefix: str) -> str:
    """Returns a chart as SVG. Several stand in one page, so that ids get a prefix of their own."""
    import altair as alt
    import vl_convert

    configured = chart.configure(font=_FONT).configure_view(stroke=None).configure_legend(**_LEGEND)
    version = ".".join(alt.SCHEMA_VERSION.lstrip("v").split(".")[:2])
    spec = in_all(configured.to_dict(), keep="\n")  # XML has no control characters: vl-convert aborts at one
    text = vl_convert.vegalite_to_svg(spec, vl_version=version, allowed_base_urls=[])
    safe = re.sub(r"[^A-Za-z0-9-]", "-", prefix)
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{safe}-", text)
