"""Which points of a report a claim, a gap or a comparison is about, by the values of their fields.

Here: the choice, and what `all` means as a size. Not here: points (`points.py`), what is made of those chosen.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sdc.errors import DataError, one_of
from sdc.pipelines import tasks
from sdc.pipelines.engines import models
from sdc.pipelines.report.points import MAJORITY, Point, size_order
from sdc.pipelines.report.result import of_parts
from sdc.pipelines.tasks.languages import GROUPS

#: The size that stands for all rows of a task.
ALL = "all"
#: Without a size of that name the largest one stands for it, if it has this share of the paper's largest.
_NEARLY_ALL = 0.5


@dataclass(frozen=True, kw_only=True)
class PointSelection:
    """Points whose fields have one of the values given; a field without values may have any.

    Args:
        model: Names as tables show them; an alias also means the repository behind it.
        size: Nominal sizes; `all` is that size, or the largest of the task if it is nearly all of the paper's.
        shots: Examples per label in the prompt; 0 is prompting.
    """

    lang: tuple[str, ...] = ()
    task: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    method: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    strategy: tuple[str, ...] = ()
    generator: tuple[str, ...] = ()
    size: tuple[str, ...] = ()
    shots: tuple[int, ...] = ()

    def of(self, points: Sequence[Point]) -> list[Point]:
        """Returns the points that are meant, in their order; none of a majority."""
        given = {name: set(values) for name, values in self.given().items() if name != "size"}
        if self.model:
            given["model"] |= _repositories(self.model)
        found = [
            point
            for point in points
            if point.role != MAJORITY and all(getattr(point, name) in values for name, values in given.items())
        ]
        if not self.size:
            return found
        ends = _ends(found) if ALL in self.size else set()
        return [point for point in found if self._has_size(point, ends)]

    def with_references(self, points: Sequence[Point]) -> list[Point]:
        """Returns the points that are meant, and what they are held against: majority and generator of their tests.

        Raises:
            DataError: None is meant; it says what there is instead.
        """
        if not self.given():
            return list(points)
        meant = {id(point) for point in self.of(points)}
        if not meant:
            raise self._nothing(points)
        tests = {(point.lang, point.task, point.test) for point in points if id(point) in meant}
        return [
            point
            for point in points
            if id(point) in meant
            or (point.role and point.source is None and (point.lang, point.task, point.test) in tests)
        ]

    def _nothing(self, points: Sequence[Point]) -> DataError:
        for name, values in self.given().items():
            there = {
                value
                for point in points
                if point.role != MAJORITY and getattr(point, name) is not None
                for value in (str(getattr(point, name)).split(",") if name == "size" else [str(getattr(point, name))])
            }
            alone: dict[str, Any] = {name: values}
            if not PointSelection(**alone).of(points):
                what = f"no result has {name} {' or '.join(map(str, values))[:80]}"
                return DataError(what, f"--{name}", one_of(str(values[0])[:80], sorted(there, key=size_order)))
        return DataError(
            f"no result has all of {', '.join(f'--{name}' for name in self.given())}", fix="drop one of them"
        )

    def given(self) -> dict[str, tuple[str | int, ...]]:
        """Returns the fields that have values."""
        return {field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name)}

    def num_cells(self) -> int | None:
        """Returns how many cells are meant where tasks, and languages or groups, are given; else None."""
        langs = self.lang or tuple(lang for group in self.group for lang in GROUPS.get(group, ()))
        return len(self.task) * len(langs) if self.task and langs else None

    def _has_size(self, point: Point, ends: Collection[int]) -> bool:
        return id(point) in ends or bool(set((point.size or "").split(",")) & set(self.size))


def _repositories(names: Sequence[str]) -> set[str]:
    known = models.aliases()
    return {str(known[name]["hub"]) for name in names if "hub" in known.get(name, {})}


def _ends(points: Sequence[Point]) -> set[int]:
    """Returns the identities of the points that have all rows, where no size says so."""
    series: dict[tuple[object, ...], list[Point]] = {}
    for point in points:
        if point.rows is not None:
            series.setdefault((point.lang, point.task, point.test, *of_parts(point, ("method", "source"))), []).append(
                point
            )
    ends = set()
    for of_one in series.values():
        if any(ALL in (point.size or "").split(",") for point in of_one):
            continue
        last = max(of_one, key=lambda point: max(map(size_order, (point.size or "").split(","))))
        largest = max((int(size) for size in (last.size or "").split(",") if size.isdecimal()), default=0)
        if last.task in tasks.builtin_names() and largest >= _NEARLY_ALL * tasks.load(str(last.task)).sizes_up_to:
            ends.add(id(last))
    return ends
