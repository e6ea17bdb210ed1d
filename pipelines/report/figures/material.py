"""What figures are made of: the curves of the report's points, by language group and task, each made once.

Here: selection. Not here: curves (`curves.py`), which figure takes which (`of_paper.py`, `further.py`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sdc.pipelines.report import Found
from sdc.pipelines.report.curves import DIFFERENCE, Curve, curves
from sdc.pipelines.report.points import GENERATOR, Point
from sdc.pipelines.tasks.languages import GROUPS

#: The paper's families of small LLMs: the first is that of its figures 2 to 4.
FAMILIES = ("Llama", "Gemma", "Qwen")
SARCASM = "sarcasm"


@dataclass(frozen=True, kw_only=True)
class Material:
    """The points of a report, and how figures show them.

    Args:
        found: From `report.find`.
        band: What bands show.
        with_fewer_cells: Go on where only some cells have a size, instead of cutting there.
        findings: Name of a figure -> the title that a check supports; else the quantity is its title.
    """

    found: Found
    band: str = "interval"
    with_fewer_cells: bool = False
    findings: dict[str, str] = field(default_factory=dict)
    _made: dict[object, list[Curve]] = field(default_factory=dict)

    def curves(
        self,
        *,
        group: str | None = None,
        task: str | None = None,
        lang: str | None = None,
        quantity: str = DIFFERENCE,
        every_metric: bool = False,
    ) -> list[Curve]:
        """Returns the curves over some cells; a task of None is those of accuracy, or all with `every_metric`."""
        what = (group, task, lang, quantity, every_metric, self.with_fewer_cells)
        if what not in self._made:
            points = [
                point
                for point in self.found.points
                if (group is None or point.group == group)
                and (lang is None or point.lang == lang)
                and (point.task == task if task is not None else every_metric or point.metric == "accuracy")
            ]
            self._made[what] = curves(
                points, self.found.resampled, quantity=quantity, with_fewer_cells=self.with_fewer_cells
            )
        return self._made[what]

    @property
    def groups(self) -> list[str]:
        """The groups of languages that there are, in the paper's order."""
        there = {str(point.group) for point in self.found.points if point.metric == "accuracy"}
        return [group for group in (*GROUPS, "other") if group in there]

    @property
    def tasks(self) -> list[str]:
        """The tasks of accuracy, the paper's first."""
        there = {str(point.task) for point in self.found.points if point.metric == "accuracy"}
        paper = [task for task in ("sentiment", "topic", "intent") if task in there]
        return [*paper, *sorted(there - set(paper))]

    def langs(self, group: str, task: str | None = None) -> str:
        """Returns the tags of a group's languages that there are."""
        there = {
            str(point.lang)
            for point in self.found.points
            if point.group == group and (point.task == task if task else point.metric == "accuracy")
        }
        return " ".join(sorted(there))

    def title(self, name: str, quantity: str) -> str:
        """Returns the title of a figure: a supported finding, else the quantity."""
        return self.findings.get(name, quantity)

    def generators(self) -> str:
        """Returns the names of the generators."""
        return ", ".join(sorted({str(p.model) for p in self.found.points if p.role == GENERATOR})) or "the generator"


def family_of(model: str | None) -> str | None:
    """Returns the family of a small LLM.

    >>> family_of("google/gemma-3-4b-it"), family_of("pocket-student")
    ('Gemma', None)
    """
    return next((name for name in FAMILIES if model and re.search(name, model, re.IGNORECASE)), None)


def is_small_llm(point: Point) -> bool:
    """Returns whether a result is of a prompted or instruction-tuned LLM that is not the generator."""
    return point.method in ("icl", "lora") and point.role != GENERATOR


def of_family(family: str | None) -> Callable[[Curve], bool]:
    """Returns a test for curves: those of an LLM must be of this family (None: of none of them), others always pass."""

    def test(curve: Curve) -> bool:
        first = curve.first
        return first.role != GENERATOR and (not is_small_llm(first) or family_of(first.model) == family)

    return test


def from_sources(found: Sequence[Curve], sources: Sequence[str]) -> list[Curve]:
    """Returns the curves of rows from some sources, and those of no rows."""
    return [curve for curve in found if curve.first.source is None or curve.first.source in sources]
