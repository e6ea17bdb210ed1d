"""report gap: human minus synthetic rows by size, the share of the human gap that is closed, and what rows are worth.

Here: one record per student and size of each panel. Not here: which points belong together (`contrasts.py`), shares and
worth (`statistics/gap.py`).
"""

from collections.abc import Mapping, Sequence
from math import isinf
from typing import TYPE_CHECKING, Any

from sdc.pipelines.report import Found
from sdc.pipelines.report.contrasts import contrast, pairs
from sdc.pipelines.report.panels import about, cell, panels, points
from sdc.pipelines.report.points import Point, size_order
from sdc.pipelines.report.resampled import SEED, Resampled
from sdc.pipelines.report.selection import PointSelection

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.gap import Worth
    from sdc.pipelines.report.statistics.resampling import Interval, Scores

_SYNTHETIC = PointSelection(source=("synthetic",))
_HUMAN = PointSelection(source=("human",))
_STUDENT = ("method", "model", "model_version", "shots", "decoding", "reader")
TITLE = (
    "human minus synthetic rows in points; closed: share of the gap between generator and human rows, in %,"
    " without ends where there may be no gap;"
    " worth: human rows that give the same score"
)


def run(found: Found, by: Sequence[str] = ("group",)) -> list[dict[str, Any]]:
    """Returns one record per student, size and panel, over the cells that have both kinds of rows at that size."""
    records = []
    for what, of_panel in panels(found.points, by).items():
        human = _HUMAN.of(of_panel)
        groups: dict[tuple[object, ...], list[Point]] = {}
        for point in human:
            groups.setdefault(tuple(getattr(point, name) for name in _STUDENT), []).append(point)
        for of_student in groups.values():
            held = pairs(of_student, _SYNTHETIC.of(of_panel), _SYNTHETIC)
            for size in sorted({size for point, _ in held for size in (point.size or "").split(",")}, key=size_order):
                inside = [
                    (point, tuple(other for other in others if size in (other.size or "").split(",")))
                    for point, others in held
                    if size in (point.size or "").split(",")
                ]
                inside = [(point, others) for point, others in inside if others]
                made = contrast(found.resampled, inside) if inside else None
                if made is None:
                    continue
                gap = made.interval()
                closed, worth = _of_size(found.resampled, inside, of_student)
                records.append(
                    {
                        **dict(zip((*by, "metric"), what, strict=True)),
                        **about(of_student[0]),
                        "size": size,
                        "human_rows": _mean_rows([point for point, _ in inside]),
                        "synthetic_rows": _mean_rows([other for _, others in inside for other in others]),
                        "human_minus_synthetic": points(gap.estimate),
                        "low": points(gap.low),
                        "high": points(gap.high),
                        "closed": None if closed is None else points(closed.estimate),
                        "closed_low": None if closed is None or isinf(closed.low) else points(closed.low),
                        "closed_high": None if closed is None or isinf(closed.high) else points(closed.high),
                        "worth": None if worth is None else worth.words(worth.rows),
                        "worth_low": None if worth is None else worth.words(worth.low),
                        "worth_high": None if worth is None else worth.words(worth.high),
                        "runs": sum(point.n + sum(other.n for other in others) for point, others in inside),
                        "cells": len({cell(point) for point, _ in inside}),
                        "covers": gap.covers,
                    }
                )
    return records


def _of_size(
    resampled: Resampled, inside: Sequence[tuple[Point, tuple[Point, ...]]], of_student: Sequence[Point]
) -> "tuple[Interval | None, Worth | None]":
    """Returns the share of the gap that is closed, and the worth in human rows; None where cells do not allow it."""
    from sdc.pipelines.report.statistics.gap import gap_closed, worth_human_rows

    if any(len(others) != 1 for _, others in inside) or len({cell(point) for point, _ in inside}) < len(inside):
        return None, None  # two kinds of synthetic rows have no one score
    human = _scores(resampled, {cell(point): point for point, _ in inside})
    synthetic = _scores(resampled, {cell(point): others[0] for point, others in inside})
    if human is None or synthetic is None:
        return None, None
    closed = None
    references = {cell(point): resampled.scores(point.against) for point, _ in inside if point.against}
    if references.keys() == human.keys() and all(one and len(one.repeats_R) == 1 for one in references.values()):
        one_each = {name: one for name, one in references.items() if one is not None}
        closed = gap_closed(synthetic, human=human, reference=one_each, seed=SEED)
    rows, curve = _human_curve(resampled, of_student, set(human))
    worth = worth_human_rows(synthetic, rows, curve, seed=SEED) if rows else None
    return closed, worth


def _human_curve(
    resampled: Resampled, of_student: Sequence[Point], cells: set[str]
) -> "tuple[list[float], list[Mapping[str, Scores]]]":
    """Returns the mean rows and the scores of every size that all cells have, by rising rows, each number once."""
    sizes: dict[str, dict[str, Point]] = {}
    for point in of_student:
        for size in (point.size or "").split(",") if cell(point) in cells else ():
            sizes.setdefault(size, {})[cell(point)] = point
    found: dict[float, Mapping[str, Scores]] = {}
    for of_cells in sizes.values():
        scores = _scores(resampled, of_cells) if of_cells.keys() == cells else None
        if scores is not None:
            rows = [point.rows for point in of_cells.values() if isinstance(point.rows, int)]
            found.setdefault(sum(rows) / len(rows), scores)
    return sorted(found), [found[rows] for rows in sorted(found)]


def _mean_rows(of_size: Sequence[Point]) -> float | None:
    """Returns the real rows: `all` human rows may be many more than all synthetic ones."""
    rows = [point.rows for point in of_size if isinstance(point.rows, int)]
    return round(sum(rows) / len(rows), 1) if rows else None


def _scores(resampled: Resampled, of_cells: Mapping[str, Point]) -> "dict[str, Scores] | None":
    found = {name: resampled.scores(point.members) for name, point in of_cells.items()}
    known = {name: scores for name, scores in found.items() if scores is not None}
    return known if len(known) == len(found) else None
