"""report compare: is A better than B, on equal draws, on this test and on new texts.

Here: what A and B are, which of their results belong together, one record per size of each panel. Not here: tests and
intervals (`statistics/paired.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from sdc.errors import UsageError
from sdc.pipelines.records import readings
from sdc.pipelines.records.examples import gold_labels
from sdc.pipelines.report import Found
from sdc.pipelines.report.contrasts import contrast, on_same_draws
from sdc.pipelines.report.panels import about, cell, panels, points
from sdc.pipelines.report.points import MAJORITY, Point, on_same_rows, size_order
from sdc.pipelines.report.resampled import SEED, Resampled
from sdc.pipelines.report.result import PARTS, STUDENT, most_alike, of_parts
from sdc.pipelines.report.selection import PointSelection
from sdc.pipelines.stage import Context
from sdc.pipelines.text.tables import nearest

TITLE = "A minus B in points"
_ROWS = PARTS["source"]
_FIELDS = tuple(each.name for each in fields(PointSelection))


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two: results with some fields, or those of some evaluations, as of an experiment."""

    name: str
    about: PointSelection = field(default_factory=PointSelection)
    evals: frozenset[str] = frozenset()

    def of(self, found: Sequence[Point]) -> list[Point]:
        """Returns its points; of evaluations only the runs that are evaluated there."""
        if not self.evals:
            return self.about.of(found)
        kept = [
            replace(point, members=tuple(member for member in point.members if member.eval_key in self.evals))
            for point in found
            if point.role != MAJORITY
        ]
        return [point for point in kept if point.members]


def side(text: str) -> Side:
    """Returns what `method=lora,model=gemma-3-4b` means; a field may stand there several times.

    >>> side("method=icl,shots=2").about.given()
    {'method': ('icl',), 'shots': (2,)}

    Raises:
        UsageError: It is nothing like that.
    """
    given: dict[str, tuple[Any, ...]] = {}
    for part in text.split(","):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not equals or name not in _FIELDS or (name == "shots" and not value.isdecimal()):
            fix = (
                nearest(name, _FIELDS) if equals else "write it as method=lora,model=gemma-3-4b, or name an experiment"
            )
            raise UsageError(f"{part.strip()[:80]!r} says no results", "sdc report compare", fix)
        given[name] = (*given.get(name, ()), int(value) if name == "shots" else value)
    return Side(name=text, about=PointSelection(**given))


def run(context: Context, found: Found, first: Side, second: Side, by: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Returns one record per result of A and size of each panel, over the cells in which both sides have that size.

    Args:
        context: Where readings are.
        found: All points.
        first: A.
        second: B.
        by: Parts of a cell that are kept apart.

    Raises:
        UsageError: In one cell several results of B could be meant.
    """
    first, second = _completed(first, second), _completed(second, first)
    records: list[dict[str, Any]] = []
    others = panels(second.of(found.points), by)
    for what, ones in panels(first.of(found.points), by).items():
        where = dict(zip((*by, "metric"), what, strict=True))
        for held in _by_result(_held(ones, others.get(what, []), first, second)):
            for size, inside in by_size(held):
                _refuse_several([one for one, _ in inside], first)
                made = compared(context, found.resampled, inside)
                if made is not None:
                    records.append({**where, **said(*inside[0]), "size": size or None, **made})
    return corrected(records)


def corrected(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the records of one family, whose tests are corrected for all of them."""
    from sdc.pipelines.report.statistics.paired import holm

    tested = [record for record in records if record["p"] is not None]
    for record, p in zip(tested, holm([record["p"] for record in tested]), strict=True):
        record["p_holm"], record["p"] = float(f"{p:.2g}"), float(f"{record['p']:.2g}")
    return records


def _held(ones: Sequence[Point], others: Sequence[Point], first: Side, second: Side) -> list[tuple[Point, Point]]:
    """Returns which result of B each of A is compared with."""
    free = _free(first, second)
    cells: dict[str, tuple[list[Point], list[Point]]] = {}
    for number, points_of_side in enumerate((ones, others)):
        for point in points_of_side:
            cells.setdefault(cell(point), ([], []))[number].append(point)
    pairs = [(one, _partner(one, theirs, own, free, second)) for own, theirs in cells.values() for one in own]
    return [(one, other) for one, other in pairs if other is not None]


def _by_result(held: Sequence[tuple[Point, Point]]) -> list[list[tuple[Point, Point]]]:
    """Returns the pairs of each result of A: several of them are never averaged."""
    found: dict[tuple[object, ...], list[tuple[Point, Point]]] = {}
    for one, other in held:
        found.setdefault(of_parts(one, ("method", "source")), []).append((one, other))
    return list(found.values())


def by_size(held: Sequence[tuple[Point, Point]]) -> list[tuple[str, list[tuple[Point, Point]]]]:
    """Returns the pairs of each size of A, by size; sizes that are the same rows in every cell are one."""
    sizes: dict[tuple[int, ...], list[str]] = {}
    for size in sorted({size for one, _ in held for size in _sizes(one)}, key=size_order):
        sizes.setdefault(tuple(i for i, (one, _) in enumerate(held) if size in _sizes(one)), []).append(size)
    return [(",".join(names), [held[place] for place in places]) for places, names in sizes.items()]


def said(one: Point, other: Point) -> dict[str, Any]:
    """Returns what a record says of its results: `A vs B` where the two are not the same."""
    of_other = about(other)
    return {
        name: a if a == (b := of_other[name]) else " vs ".join("-" if v is None else str(v) for v in (a, b))
        for name, a in about(one).items()
    }


def _completed(side: Side, other: Side) -> Side:
    """Returns a side with what only the other says: of the student if it says nothing of it, of rows unless prompted.

    >>> _completed(side("method=icl,model=m"), side("method=lora,source=human")).about.given()
    {'method': ('icl',), 'model': ('m',), 'source': ('human',)}
    """
    own: dict[str, Any] = {**side.about.given()}
    more: dict[str, Any] = {**other.about.given()}
    left_out = {"method", "model", "shots"} if {"method", "model", "shots"} & own.keys() else set()
    left_out |= {"source", "generator", "size"} if own.get("shots") == (0,) else set()
    return replace(side, about=PointSelection(**{**{n: v for n, v in more.items() if n not in left_out}, **own}))


def _free(first: Side, second: Side) -> set[str]:
    """Returns the fields in which two results that are compared may differ."""
    one, other = first.about.given(), second.about.given()
    free = {name for name in {*one, *other} if one.get(name) != other.get(name)}
    if free & {"method", "model", "shots"}:
        free |= set(STUDENT)
    if free & {"source", "generator"}:
        free |= {*_ROWS, "rows"}
    if first.evals or second.evals:
        free |= {"evals", "decoding", "reader", *_ROWS, "rows"}
    return free


def _partner(one: Point, others: Sequence[Point], ones: Sequence[Point], free: set[str], second: Side) -> Point | None:
    same = [name for name in ("lang", "task", "test", "metric", *STUDENT, *_ROWS) if name not in free]

    def could(a: Point, b: Point) -> bool:
        return all(getattr(a, name) == getattr(b, name) for name in same if name not in _ROWS or b.source)

    found = [other for other in others if could(one, other)]
    if "evals" in free:  # all kinds of results of an experiment or a store: each is compared with its like
        found = [
            other
            for other in most_alike(one, found)
            if any(like is one for like in most_alike(other, [each for each in ones if could(each, other)]))
        ]
    found = [
        other
        for other in found
        if ("size" in free or other.size is None or set(_sizes(one)) & set(_sizes(other)))
        and ("rows" in free or other.rows is None or one.rows is None or on_same_rows(one, other))
    ]
    _refuse_several(found, second)
    return found[0] if found else None


def _refuse_several(found: Sequence[Point], side: Side) -> None:
    by_cell = {cell(point): point for point in reversed(found)}
    for point in found:
        first = by_cell[cell(point)]
        if first is not point:
            names = " and ".join(
                " ".join(str(value) for value in about(each).values() if value is not None) for each in (first, point)
            )
            raise UsageError(f"{side.name} means several results in {cell(point)}: {names}", fix="add a field")


def compared(context: Context, resampled: Resampled, inside: Sequence[tuple[Point, Point]]) -> dict[str, Any] | None:
    """Returns what a record says of the difference of some pairs, one a cell; None where readings are missing."""
    from sdc.pipelines.report.statistics.paired import compare, mcnemar

    scores = [(resampled.scores(one.members), resampled.scores(other.members)) for one, other in inside]
    known = [(one, other) for one, other in scores if one is not None and other is not None]
    if len(known) < len(scores):
        return None
    on_same = all(_paired(resampled, *pair) for pair in inside)
    p: float | None = None
    if len(known) == 1 and len(known[0][0].repeats_R) == len(known[0][1].repeats_R) == 1:
        p = mcnemar(*_only_right(context, *inside[0]))
    if on_same:
        names = [cell(one) for one, _ in inside]
        made = compare(
            dict(zip(names, [one for one, _ in known], strict=True)),
            dict(zip(names, [other for _, other in known], strict=True)),
            seed=SEED,
        )
        interval, p = made.difference, made.p_same_test if p is None else p
    else:
        replicates = contrast(resampled, [(one, (other,)) for one, other in inside])
        if replicates is None:
            return None
        interval = replicates.interval()
    return {
        "difference": points(interval.estimate),
        "low": points(interval.low),
        "high": points(interval.high),
        "p": p,
        "p_holm": None,
        "draws": "equal" if on_same else "others",
        "runs": sum(len(one.of_runs_R) for one, _ in known),
        "runs_b": sum(len(other.of_runs_R) for _, other in known),
        "cells": len(inside),
        "covers": interval.covers,
    }


def _paired(resampled: Resampled, one: Point, other: Point) -> bool:
    """Returns whether runs are on the same draws; a single run, such as prompting, is held against all."""
    return (other.rows is None and other.n == 1) or on_same_draws(resampled, one, other)


def _only_right(context: Context, one: Point, other: Point) -> tuple[int, int]:
    """Returns how many test rows only the run of one point got right, and only that of the other."""
    (first,), (second,) = ([member for member in point.members if member.value is not None] for point in (one, other))
    read = readings.labels_of(context.store, [first.eval_key, second.eval_key])
    gold_N = gold_labels(context, [first.test_key])[first.test_key].label_N
    right, wrong = read[first.eval_key] == gold_N, read[second.eval_key] == gold_N
    return int((right & ~wrong).sum()), int((wrong & ~right).sum())


def _sizes(point: Point) -> list[str]:
    return (point.size or "").split(",")
