"""report break-even: the rows from which a student reaches its generator, as a mean over the cells of each panel.

Here: one record per curve. Not here: curves (`curves.py`), the crossing (`statistics/break_even.py`).
"""

from collections.abc import Sequence
from math import isinf
from typing import TYPE_CHECKING, Any

from sdc.cache.store import Store
from sdc.pipelines.report import Found
from sdc.pipelines.report.curves import DIFFERENCE, Curve, CurvePoint, curves
from sdc.pipelines.report.panels import about, panels
from sdc.pipelines.report.pay_off import pay_off, taken

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.break_even import BreakEven

TITLE = "rows from which a student reaches its generator"
WORDS = (
    "Even: rows from which the mean reaches the generator, with its 95 % interval. Sure: the lower end of the interval"
    " of the mean does. Strict: the mean less one standard deviation over runs does. Never: not by the last size; the"
    " first size means at most."
)


def run(
    found: Found,
    by: Sequence[str] = ("group",),
    *,
    with_fewer_cells: bool = False,
    store: Store | None = None,
    price_per_hour: float | None = None,
) -> list[dict[str, Any]]:
    """Returns one record per curve of each panel: `even` with its interval, `sure` and `strict`, in real rows.

    Args:
        found: The points.
        by: Parts of a cell that are kept apart.
        with_fewer_cells: Go on where some cells have no rows left.
        store: Where the ledger is, for the texts after which a student of that size has paid off; None leaves it out.
        price_per_hour: Of the machine, for money that no price table has.
    """
    drawn = [
        (what, curve, even)
        for what, points in panels(found.points, by).items()
        for curve in curves(points, found.resampled, quantity=DIFFERENCE, with_fewer_cells=with_fewer_cells)
        if (even := curve.break_even) is not None
    ]
    reached = [_reached(curve, even) for _, curve, even in drawn]
    took = taken(store, [one for point in reached if point for one in point.points]) if store else None
    records = []
    for (what, curve, even), at in zip(drawn, reached, strict=True):
        first, last = curve.points[0], curve.points[-1]
        paid = pay_off(took, at.points, price_per_hour=price_per_hour) if took and at else None
        records.append(
            {
                **dict(zip((*by, "metric"), what, strict=True)),
                **about(curve.first),
                "even": round(even.even, 1),
                "low": round(even.low, 1),
                "high": round(even.high, 1),
                "sure": round(even.sure, 1),
                "strict": None if even.strict is None else round(even.strict, 1),
                "first": even.smallest,
                "last": even.largest,
                "texts_by_time": None if paid is None else _whole(paid.by_time),
                "texts_by_money": None if paid is None else _whole(paid.by_money),
                "words": even.words(even.even),
                "runs": sum(point.n for point in curve.points),
                "cells": max(len(first.cells), len(last.cells)),
                "cut": "yes" if curve.is_cut else None,
                "covers": even.covers,
            }
        )
    return records


def _reached(curve: Curve, even: "BreakEven") -> CurvePoint | None:
    """Returns the first point at which a student has reached its generator."""
    return next((point for point in curve.points if (point.rows or 0) >= even.even - 0.01), None)


def _whole(texts: float | None) -> float | None:
    return None if texts is None else texts if isinf(texts) else round(texts)
