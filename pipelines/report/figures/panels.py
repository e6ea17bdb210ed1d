"""Panels of lines beside and below each other, with one extent: the figures whose x axis is a number of rows.

Here: the grid, its caption in words and its numbers. Not here: a panel (`panel.py`).
"""

import math
from collections.abc import Sequence

from sdc.cache.counted import counted
from sdc.pipelines.report.figures import vega
from sdc.pipelines.report.figures.extent import LinePanel, extent
from sdc.pipelines.report.figures.lines import BANDS, StudentLine
from sdc.pipelines.report.figures.panel import chart, reached
from sdc.pipelines.report.figures.plot import Plot

#: Width and height of a panel by the number of panels side by side, in pixels.
_SIZES = {1: (520, 330), 2: (400, 320), 3: (340, 310)}
_SMALL = (300, 190)


def plot(
    name: str, grid: Sequence[Sequence[LinePanel]], *, title: str, caption: Sequence[str], band: str,
    zero: str = "generator", y: str = "difference to the generator, points",
) -> Plot:  # fmt: skip
    """Returns the figure of some panels, in rows that are read from left to right.

    Args:
        name: Of its files.
        grid: Panels, row by row.
        title: What stands above all.
        caption: What is averaged, in sentences; what the marks mean is added.
        band: What bands show, one of `BANDS`.
        zero: What the zero line is called.
        y: Title of the y axis.
    """
    panels = [panel for row in grid for panel in row]
    shared = extent(panels, zero=zero, y=y)
    across = max(len(row) for row in grid)
    width, height = _SMALL if len(grid) > 1 else _SIZES.get(across, _SMALL)
    rows: list[vega.Spec] = []
    for number, row in enumerate(grid):
        said = [reached(panel.lines, width) if zero else [] for panel in row]
        most = max(map(len, said))
        drawn = [
            chart(
                panel, shared, width=width, height=height, with_y=place == 0, with_x=number == len(grid) - 1,
                words=[*said[place], *["\u00a0"] * (most - len(said[place]))],  # so that titles are on one height
            )
            for place, panel in enumerate(row)
        ]  # fmt: skip
        rows.append(vega.beside(drawn, spacing=10))
    return Plot(
        name=name,
        title=title,
        caption=(*caption, *_marks(panels, band=band, foot=shared.worst > 0, zero=zero)),
        says=_says(panels),
        chart={"vconcat": rows, "spacing": 14},
        width=across * (width + 10),
        records=_records(panels, band=band),
    )


def _marks(panels: Sequence[LinePanel], *, band: str, foot: bool, zero: str) -> list[str]:
    lines = [line for panel in panels for line in panel.lines]
    said = [f"Bands: {BANDS[band]}."]
    if any(line.even and line.even.smallest < line.even.even < math.inf for line in lines):
        said.append(
            f"Ring and bar, and in words: rows at which a monotone fit reaches the {zero}, with the 95 % interval."
        )
    if any(point.apart for line in lines for point in line.points):
        said.append("Dotted: fewer cells, or all rows, which each task has another number of.")
    if any(line.is_level for line in lines):
        said.append("Thin dashes: the small LLM without examples.")
    if foot:
        pale = ", pale ones on human rows" if any(line.source == "human" for line in lines) else ""
        said.append(f"Bars at the foot: runs below chance{pale}.")
    return [" ".join(said)]


def _says(panels: Sequence[LinePanel]) -> str:
    return ". ".join(f"{panel.title}: {'; '.join(map(_line_says, panel.lines))}" for panel in panels) + "."


def _line_says(line: StudentLine) -> str:
    last = line.points[-1]
    interval = "" if last.low is None or last.high is None else f" [{last.low:.1f} to {last.high:.1f}]"
    if line.is_level:
        return f"{line.label} {last.mean:+.1f}"
    first = line.points[0]
    reached = f", reaches zero: {words}" if (words := line.words()) else ""
    start = f"{line.label} {first.mean:+.1f} at {first.rows:.0f} rows"
    return f"{start}, {last.mean:+.1f}{interval} at {last.rows:.0f}{reached}"


def _records(panels: Sequence[LinePanel], *, band: str) -> list[dict[str, object]]:
    return [
        {
            "panel": panel.title, "line": line.label, "method": line.method, "model": line.model,
            "source": line.source, "sizes": point.sizes, "rows": _round(point.rows), "cells": point.cells,
            "n": point.n, "failed": point.failed, "below_chance": point.below_chance,
            "points": _round(point.mean), "low": _round(point.low), "high": _round(point.high),
            "band": band, "apart": point.apart,
            "break_even": _round(line.even.even if line.even else None),
            "break_even_low": _round(line.even.low if line.even else None),
            "break_even_high": _round(line.even.high if line.even else None),
        }
        for panel in panels for line in panel.lines for point in line.points
    ]  # fmt: skip


def _round(value: float | None) -> object:
    """Returns a number as the tables have it; infinity is said, for CSV has no word for it."""
    return None if value is None else "not reached" if value == math.inf else round(value, 3)


def runs(panels: Sequence[LinePanel]) -> str:
    """Returns over how many cells and runs the points of some panels are, in words."""
    points = [point for panel in panels for line in panel.lines if not line.is_level for point in line.points]
    cells = sorted({point.cells for point in points})
    each = sorted({round((point.n + point.failed) / point.cells) for point in points})
    over = f"{cells[0]} to {cells[-1]} cells" if len(cells) > 1 else counted(cells[0], "cell")
    many = f"{each[0]} to {each[-1]} runs" if len(each) > 1 else counted(each[0], "run")
    return f"each point over {over}, {many} per cell"
