"""report gap: human minus other rows by size, the share of the human gap that is closed, and what rows are worth.

Here: one record per student, kind of rows and size of each panel. Not here: which points belong together
(`contrasts.py`), shares and worth (`statistics/gap.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from math import isinf
from typing import TYPE_CHECKING, Any

from sdc.pipelines.records.draws import HUMAN_SOURCES, SOURCES
from sdc.pipelines.report import Found
from sdc.pipelines.report.contrasts import HeldAgainst, contrast, pairs
from sdc.pipelines.report.panels import about, cell, panels, points, students
from sdc.pipelines.report.points import Point, size_order
from sdc.pipelines.report.resampled import SEED, Resampled
from sdc.pipelines.report.result import STUDENT, most_alike, of_parts
from sdc.pipelines.report.selection import PointSelection

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.gap import Worth
    from sdc.pipelines.report.statistics.resampling import Interval, Scores

    #: Cells -> rows that rise, and cell -> scores at each.
    _HumanCurve = Callable[[frozenset[str]], tuple[list[float], list[Mapping[str, Scores]]]]

#: All that has synthetic rows.
_OTHERS = PointSelection(source=tuple(source for source in SOURCES if source not in HUMAN_SOURCES))
#: The kinds that a student has without more: the gap to human rows that others close is counted from those of the same
#: generator.
_PLAIN = {"source": "synthetic", "strategy": "balanced", "seed_weight": None}
_HUMAN = PointSelection(source=("human",))
TITLE = "human rows minus others, in points"
WORDS = (
    "Human rows minus others in points. Closed: share of the gap between generator and human rows, in %, without ends"
    " where there may be no gap. Gap closed: the same of the gap between plain synthetic rows of that size and human"
    " ones. Worth: human rows that give the same score. In brackets 95 % intervals."
)


def run(found: Found, by: Sequence[str] = ("group",)) -> list[dict[str, Any]]:
    """Returns one record per student, kind of rows, size and panel, over the cells that have human rows of that size.

    A kind is all that says where rows come from and how they were chosen. It is held against the human rows that are
    drawn alike, where there are several kinds of those.
    """
    records: list[dict[str, Any]] = []
    for what, of_panel in panels(found.points, by).items():
        where = dict(zip((*by, "metric"), what, strict=True))
        kinds = sorted(students(_OTHERS.of(of_panel)), key=lambda kind: _order(kind[0]))
        human = students(_HUMAN.of(of_panel))
        for of_student in human:
            human_curve = cache(partial(_human_curve, found.resampled, of_student))  # one for all sizes and kinds
            firsts = [each[0] for each in human if _same(each[0], of_student[0])]
            for others in kinds:
                if _same(others[0], of_student[0]) and of_student[0] in most_alike(others[0], firsts):
                    plain = _plain(others[0], kinds)
                    made = _of_kind(found.resampled, of_student, others, plain, human_curve)
                    records.extend({**where, **record} for record in made)
    return records


def _order(point: Point) -> tuple[bool, str]:
    return not _is_plain(point), str(of_parts(point, ("method", "source")))


def _same(one: Point, other: Point) -> bool:
    """Returns whether two points are of one student."""
    return all(getattr(one, name) == getattr(other, name) for name in STUDENT)


def _is_plain(point: Point) -> bool:
    return all(getattr(point, name) == value for name, value in _PLAIN.items())


def _plain(first: Point, kinds: Sequence[Sequence[Point]]) -> Sequence[Point]:
    """Returns the plain rows, of the same student and generator, beside which a kind stands; none if several could."""
    if _is_plain(first):
        return ()
    could = {
        id(kind[0]): kind for kind in kinds
        if _is_plain(kind[0]) and kind[0].generator == first.generator and _same(kind[0], first)
    }  # fmt: skip
    found = most_alike(first, [kind[0] for kind in could.values()], but=tuple(_PLAIN))
    return could[id(found[0])] if len(found) == 1 else ()


def _of_kind(
    resampled: Resampled,
    of_student: Sequence[Point],
    others: Sequence[Point],
    plain: Sequence[Point],
    human_curve: "_HumanCurve",
) -> Iterator[dict[str, Any]]:
    """Yields the records of a student and one kind of rows, by size."""
    held = pairs(of_student, others, _OTHERS)
    for size in sorted({size for point, _ in held for size in (point.size or "").split(",")}, key=size_order):
        inside = _of_one_size(held, size)
        made = contrast(resampled, inside) if inside else None
        if made is None:
            continue
        gap = made.interval()
        references = {cell(point): own[0] for point, own in _of_one_size(pairs(of_student, plain, _OTHERS), size)
                      if len(own) == 1}  # fmt: skip
        closed, of_gap, worth = _of_size(resampled, inside, references, human_curve)
        yield {
            **about(others[0]),
            "human_strategy": of_student[0].strategy if of_student[0].strategy != others[0].strategy else None,
            "size": size,
            "human_rows": _mean_rows([point for point, _ in inside]),
            "synthetic_rows": _mean_rows([other for _, others in inside for other in others]),
            "human_minus_synthetic": points(gap.estimate),
            "low": points(gap.low),
            "high": points(gap.high),
            **_ends("closed", closed),
            **_ends("gap_closed", of_gap),
            "worth": None if worth is None else worth.words(worth.rows),
            "worth_low": None if worth is None else worth.words(worth.low),
            "worth_high": None if worth is None else worth.words(worth.high),
            "runs": sum(point.n + sum(other.n for other in others) for point, others in inside),
            "cells": len({cell(point) for point, _ in inside}),
            "covers": gap.covers,
        }


def _of_one_size(held: Sequence[HeldAgainst], size: str) -> list[HeldAgainst]:
    """Returns the pairs in which both sides have a size."""
    inside = [
        (point, tuple(other for other in others if size in (other.size or "").split(",")))
        for point, others in held
        if size in (point.size or "").split(",")
    ]
    return [(point, others) for point, others in inside if others]


def _ends(name: str, share: "Interval | None") -> dict[str, Any]:
    return {
        name: None if share is None else points(share.estimate),
        f"{name}_low": None if share is None or isinf(share.low) else points(share.low),
        f"{name}_high": None if share is None or isinf(share.high) else points(share.high),
    }


def _of_size(
    resampled: Resampled, inside: Sequence[HeldAgainst], plain: Mapping[str, Point], human_curve: "_HumanCurve"
) -> "tuple[Interval | None, Interval | None, Worth | None]":
    """Returns the share of the generator's gap and of the plain rows' gap that is closed, and the worth in human rows.

    None where cells do not allow it: `plain` has the plain rows of the same size by cell.
    """
    from sdc.pipelines.report.statistics.gap import gap_closed, worth_human_rows

    if any(len(others) != 1 for _, others in inside) or len({cell(point) for point, _ in inside}) < len(inside):
        return None, None, None  # two kinds of synthetic rows have no one score
    human = _scores(resampled, {cell(point): point for point, _ in inside})
    synthetic = _scores(resampled, {cell(point): others[0] for point, others in inside})
    if human is None or synthetic is None:
        return None, None, None
    closed = None
    references = {cell(point): resampled.scores(point.against) for point, _ in inside if point.against}
    if references.keys() == human.keys() and all(one and len(one.repeats_R) == 1 for one in references.values()):
        one_each = {name: one for name, one in references.items() if one is not None}
        closed = gap_closed(synthetic, human=human, reference=one_each, seed=SEED)
    of_gap = None
    of_plain = _scores(resampled, plain) if plain.keys() == human.keys() else None
    if of_plain is not None:
        of_gap = gap_closed(synthetic, human=human, reference=of_plain, seed=SEED)
    rows, curve = human_curve(frozenset(human))
    worth = worth_human_rows(synthetic, rows, curve, seed=SEED) if rows else None
    return closed, of_gap, worth


def _human_curve(
    resampled: Resampled, of_student: Sequence[Point], cells: frozenset[str]
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
