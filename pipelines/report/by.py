"""`report --by`: the rows of a report averaged over cells.

Here: which rows come together, and their means. Not here: the rows themselves (`points.py`).
"""

import statistics
from collections.abc import Sequence
from dataclasses import replace

from sdc.pipelines.report.points import MAJORITY, Point, ends, order, size_order
from sdc.pipelines.report.resampled import Resampled
from sdc.pipelines.report.result import OF_ONE_CELL, PARTS, mixed, of_parts

#: What `--by` takes: parts of a cell, and parts of a result.
CELL_PARTS = ("task", "lang", "group")
RESULT_PARTS = ("method", "source", "size")


def aggregate(rows: Sequence[Point], by: Sequence[str], *, resampled: Resampled | None = None) -> list[Point]:
    """Returns rows averaged over cells: first within each cell, then over cells, each cell counting once.

    Args:
        rows: What `build` returns.
        by: The parts to keep, of `CELL_PARTS` and `RESULT_PARTS`. With none of `RESULT_PARTS` all results stay apart.
        resampled: Scores on resampled test rows; None gives no intervals.
    """
    cell_parts = [part for part in CELL_PARTS if part in by]
    result_parts = [part for part in RESULT_PARTS if part in by] or list(RESULT_PARTS)
    groups: dict[tuple[object, ...], list[Point]] = {}
    for row in rows:
        sizes = row.size.split(",") if row.size and "size" in result_parts else [None]
        for size in sizes:
            what = (*(getattr(row, part) for part in cell_parts), row.role, *of_parts(row, result_parts), size)
            groups.setdefault(what, []).append(row)
    merged: dict[tuple[object, ...], list[str]] = {}
    members_of: dict[tuple[object, ...], list[Point]] = {}
    for what, members in groups.items():
        # Nominal sizes that are the same rows in every cell are one point here too (B10).
        same = (*what[:-1], tuple(map(id, members)))
        merged.setdefault(same, []).extend([str(what[-1])] if what[-1] is not None else [])
        members_of[same] = members
    panels: dict[tuple[object, ...], set[tuple[object, object]]] = {}
    for row in rows:
        panels.setdefault(_panel(row, cell_parts), set()).add((row.task, row.lang))
    found = [
        _with_intervals(
            _mean_row(
                members,
                cell_parts,
                result_parts,
                sizes=merged[same],
                of_cells=len(panels[_panel(members[0], cell_parts)]),
            ),
            members,
            resampled,
        )
        for same, members in members_of.items()
    ]
    return sorted(found, key=order)


def _with_intervals(point: Point, rows: Sequence[Point], resampled: Resampled | None) -> Point:
    """Returns the mean of some points with the intervals of its mean and difference, where they can be had."""
    if resampled is None or point.role == MAJORITY:
        return point
    scored = [row for row in rows if row.mean is not None]
    held = [row for row in scored if row.difference is not None]
    found = (
        resampled.mean([row.members for row in scored]),
        resampled.mean([row.members for row in held], against=[row.against for row in held]),
    )
    return replace(point, **ends(*(None if mean is None else mean.interval() for mean in found)))


def _mean_row(
    members: Sequence[Point], cell_parts: Sequence[str], parts: Sequence[str], *, sizes: Sequence[str], of_cells: int
) -> Point:
    first = members[0]
    scored = [row for row in members if row.mean is not None]
    means = _per_cell(scored, "mean")
    real = sorted({row.rows for row in members if isinstance(row.rows, int)})
    rows = None if not real else real[0] if len(real) == 1 else f"{real[0]}-{real[-1]}"
    kept = {name: getattr(first, name) for part in (*cell_parts, *parts) for name in PARTS.get(part, ())}
    if first.role:
        kept["method"] = first.method
    in_one_cell = {
        name: getattr(first, name) for name in OF_ONE_CELL if len({getattr(row, name) for row in members}) == 1
    }
    return Point(
        **kept | in_one_cell,
        group=first.group if {"group", "lang"} & set(cell_parts) else None,
        role=first.role,
        size=",".join(sorted(sizes, key=size_order)) or None,
        rows=rows,
        metric=", ".join(sorted({row.metric for row in members})),
        n=sum(row.n for row in members),
        cells=len({(row.task, row.lang) for row in members}),
        of_cells=of_cells,
        mixed=mixed(members),
        mean=statistics.fmean(means) if means else None,
        std=statistics.stdev(means) if len(means) > 1 else None,
        reference=_mean(_per_cell(scored, "reference")),
        difference=_mean(_per_cell(scored, "difference")),
        human_minus=_mean(_per_cell(scored, "human_minus")),
        majority=_mean(_per_cell(members, "majority")),
        linear=_mean(_per_cell(scored, "linear")),
        failed=sum(row.failed for row in members),
        below_chance=sum(row.below_chance for row in members),
        collapsed=sum(row.collapsed for row in members),
        leaked=max((row.leaked for row in members if row.leaked is not None), default=None),
    )


def _panel(row: Point, cell_parts: Sequence[str]) -> tuple[object, ...]:
    """Returns where a row stands among means: those of one panel are read beside each other."""
    return tuple(getattr(row, part) for part in cell_parts)


def _per_cell(rows: Sequence[Point], field: str) -> list[float]:
    cells: dict[tuple[str | None, str | None], list[float]] = {}
    for row in rows:
        value = getattr(row, field)
        if value is not None:
            cells.setdefault((row.task, row.lang), []).append(value)
    return [statistics.fmean(values) for values in cells.values()]


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
