"""report break-even: the rows from which a student reaches its generator, as a mean over the cells of each panel.

Here: one record per curve. Not here: curves (`curves.py`), the crossing (`statistics/break_even.py`).
"""

from collections.abc import Sequence
from typing import Any

from sdc.pipelines.report import Found
from sdc.pipelines.report.curves import DIFFERENCE, curves
from sdc.pipelines.report.panels import about, panels

TITLE = (
    "rows from which the mean reaches the generator; sure: the lower end of its interval does; strict: the mean less"
    " one standard deviation over runs does; never: not by the last size; the first size means at most"
)


def run(found: Found, by: Sequence[str] = ("group",), *, with_fewer_cells: bool = False) -> list[dict[str, Any]]:
    """Returns one record per curve of each panel: `even` with its interval, `sure` and `strict`, in real rows.

    Args:
        found: The points.
        by: Parts of a cell that are kept apart.
        with_fewer_cells: Go on where some cells have no rows left.
    """
    records = []
    for what, points in panels(found.points, by).items():
        for curve in curves(points, found.resampled, quantity=DIFFERENCE, with_fewer_cells=with_fewer_cells):
            even = curve.break_even
            if even is None:
                continue
            first, last = curve.points[0], curve.points[-1]
            records.append(
                {
                    **dict(zip((*by, "metric"), what, strict=True)),
                    **about(curve.first, "source", "generator"),
                    "even": round(even.even, 1),
                    "low": round(even.low, 1),
                    "high": round(even.high, 1),
                    "sure": round(even.sure, 1),
                    "strict": None if even.strict is None else round(even.strict, 1),
                    "first": even.smallest,
                    "last": even.largest,
                    "words": even.words(even.even),
                    "runs": sum(point.n for point in curve.points),
                    "cells": max(len(first.cells), len(last.cells)),
                    "cut": "yes" if curve.is_cut else None,
                    "covers": even.covers,
                }
            )
    return records
