"""An experiment: the cells, the data, the generator, the draws and the students.

Here: what it is. Not here: the file that says so (`file.py`), which runs that makes (`plan.py`), where it runs
(`sites.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sdc.cache.store import Store
from sdc.errors import UsageError
from sdc.pipelines import cells
from sdc.pipelines.cells import Cell

#: Seeds of every run of a line instead of derived ones: a list of them crosses them with the draws.
SEEDS = ("init_seed", "order_seed")
#: Which runs of a student are calibrated; neither is this a setting of its method.
CALIBRATE = "calibrate"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One kind of student, as a table of the file or one combination of its lists says.

    Args:
        method: A name in `STUDENTS`, or `icl`.
        settings: What differs from the preset, and seeds if all runs have the same.
        sources: Of the draws that it is fitted on or shown; empty for no draw.
        is_baseline: Whether every difference needs it, so that it comes first.
        is_optional: Whether the rest goes on where its model cannot be had.
    """

    method: str
    settings: Mapping[str, Any]
    sources: tuple[str, ...]
    is_baseline: bool = False
    is_optional: bool = False

    def __str__(self) -> str:
        model = str(self.settings.get("model", ""))
        rest = [f"{name} {value}" for name, value in self.settings.items() if name != "model"]
        return " ".join([self.method, *([model] if model else []), *rest])


@dataclass(frozen=True, kw_only=True)
class Stop:
    """When an experiment ends before all of it is there.

    Args:
        hours: Hours of work, all workers together.
        cost: Money, for LLM calls and for workers at the price of their site.
        fail_streak: Tasks that die one after another, with different runs.
        half_width: Repeats of a point end when its 95 % interval is so narrow, in points.
    """

    hours: float | None = None
    cost: float | None = None
    fail_streak: int = 5
    half_width: float | None = None


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What a file says.

    Args:
        name: Shown; in no key.
        where: The file, or the name of a bundled experiment.
        preset: Defaults of all stages.
        seed: Root of all random choices.
        tasks: Names, or paths of TOML files.
        langs: Tags, or `all`.
        also: Further cells.
        exclude: Cells, or a source of them, that are left out: each by `task`, `lang`, `source`.
        data: Where data come from: `paper:FOLDER`, `hub`, `bundled`; None takes what the store has.
        generator: Settings of gen; None where the data bring synthetic rows.
        until_accepted: Write and judge in turns until each label has its quota of accepted texts.
        judge: Settings of judge.
        sample: Settings of sample.
        sources: Of the draws.
        lines: Students and baselines.
        order: One of `ORDERS`.
        stop: When to end.
    """

    name: str
    where: str
    preset: str
    seed: int
    tasks: tuple[str, ...]
    langs: tuple[str, ...]
    also: tuple[Mapping[str, str], ...]
    exclude: tuple[Mapping[str, str], ...]
    data: str | None
    generator: Mapping[str, Any] | None
    until_accepted: bool
    judge: Mapping[str, Any]
    sample: Mapping[str, Any]
    sources: tuple[str, ...]
    lines: tuple[Line, ...]
    order: str
    stop: Stop
    only: Mapping[str, set[str]] = field(default_factory=dict)

    def cells(self, store: Store) -> list[Cell]:
        """Returns the cells, each once.

        Raises:
            UsageError: An unknown language or task, or none is left.
        """
        found = cells.expand(store, self.langs, self.tasks, of_paper=True) if self.tasks and self.langs else []
        for pair in self.also:
            found += cells.expand(store, [pair["lang"]], [pair["task"]])
        found = list({str(cell): cell for cell in found}.values())
        kept = [cell for cell in found if not any(_is_of(cell, pair) for pair in self.exclude if "source" not in pair)]
        tasks, langs = self.only.get("cells.task"), self.only.get("cells.lang")
        kept = [
            cell for cell in kept
            if (tasks is None or cell.task.name in tasks) and (langs is None or cell.lang in langs)
        ]  # fmt: skip
        if not kept:
            raise UsageError("no cell is left", self.name, "see [cells] and --only")
        return kept

    def sources_of(self, cell: Cell) -> list[str]:
        """Returns the sources of draws of a cell."""
        left_out = {pair["source"] for pair in self.exclude if "source" in pair and _is_of(cell, pair)}
        wanted = self.only.get("students.source", set(self.sources))
        return [source for source in self.sources if source not in left_out and source in wanted]


def _is_of(cell: Cell, pair: Mapping[str, str]) -> bool:
    return pair.get("task", cell.task.name) == cell.task.name and pair.get("lang", cell.lang) == cell.lang
