"""Which runs an experiment has: a pure function of its file and the store.

A run is known by its key. Where its rows or its model are not there yet it is counted, under a key that is no
artifact's. Here: the runs of all lines and cells, in the order in which they are worth most. Not here: what they are
made from (`inputs.py`), what they take (`estimate.py`), how they are shared out (`batches.py`).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Any

from sdc.cache import freshness
from sdc.cache.key import digest
from sdc.cache.store import Store
from sdc.errors import SdcError
from sdc.pipelines import icl, train
from sdc.pipelines.cells import Cell
from sdc.pipelines.icl.computing import IclRun
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.run.experiment import CALIBRATE, SEEDS, Experiment, Line
from sdc.pipelines.run.inputs import EXPECTED, CellInputs
from sdc.pipelines.stage import Context
from sdc.pipelines.students import STUDENTS
from sdc.pipelines.train import TrainConfig
from sdc.pipelines.train.computing import Run

#: Sizes that show the shape of a curve, and so come first.
_SHAPE = ("10", "50", "100", "400", "all")
#: Repeats of a wave.
_REPEATS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun:
    """One run.

    Args:
        key: Of the artifact that it makes, or one that stands for it while its rows or its model are not there.
        line: Position of its line in the experiment.
        cell: Position of its cell.
        draw: What it is fitted on or shown; None without one.
        wave: When it comes: 0 is first.
        run: What its stage makes of it; None if it is only counted.
    """

    key: str
    line: int
    cell: int
    draw: Draw | None
    wave: int
    run: Run | IclRun | None


@dataclass(frozen=True, kw_only=True)
class ExperimentPlan:
    """All runs of an experiment, in their order.

    Args:
        experiment: What was planned.
        cells: The cells, with what their runs are made from.
        runs: Each once.
        unknown: Line -> why its keys are not known: its model is not here.
    """

    experiment: Experiment
    cells: Sequence[CellInputs]
    runs: Sequence[PlannedRun]
    unknown: Mapping[int, str]

    @cached_property
    def digest(self) -> str:
        """Names the plan: another file or other rows make another one, and what overlaps is found by keys."""
        return digest([self.experiment.name, sorted(run.key for run in self.runs)])

    @cached_property
    def by_key(self) -> dict[str, PlannedRun]:
        """The runs by their key."""
        return {run.key: run for run in self.runs}

    @property
    def is_certain(self) -> bool:
        """Whether every run is known by its key."""
        return all(run.run is not None for run in self.runs)

    def without(self, lines: Collection[int]) -> "ExperimentPlan":
        """Returns the plan without the runs of some lines."""
        kept = [run for run in self.runs if run.line not in lines]
        unknown = {line: why for line, why in self.unknown.items() if line not in lines}
        return replace(self, runs=kept, unknown=unknown) if lines else self

    def there(self, store: Store) -> dict[str, Mapping[str, Any]]:
        """Returns the summaries of the runs that the store has, by key."""
        keys = [run.key for run in self.runs if run.run is not None]
        return freshness.hits(store, keys) if keys and store.exists() else {}


def plan(context: Context, experiment: Experiment, cells: Sequence[CellInputs]) -> ExperimentPlan:
    """Returns the runs of an experiment.

    Args:
        context: Knows the models; its store is asked for rows that say how many shots a draw can show.
        experiment: Which.
        cells: What runs are made from, in the order of the experiment's cells.
    """
    runs: dict[str, PlannedRun] = {}
    unknown: dict[int, str] = {}
    for number, line in enumerate(experiment.lines):
        configured = cache(partial(config_of, context, experiment, line))  # once for all cells, if one needs it
        for place, inputs in enumerate(cells):
            allowed = set(experiment.sources_of(inputs.cell))
            draws = [draw for source in line.sources if source in allowed for draw in inputs.draws[source]]
            if line.sources and not draws:
                continue
            waves = _waves(draws, is_baseline=line.is_baseline)
            for key, draw, run, why in _of_line(context, line, configured, inputs, draws):
                wave = waves[draw.draw, draw.repeat] if draw is not None else 0
                runs.setdefault(key, PlannedRun(key=key, line=number, cell=place, draw=draw, wave=wave, run=run))
                if why:
                    unknown.setdefault(number, why)
    ordered = sorted(runs.values(), key=lambda run: _rank(experiment, run))
    return ExperimentPlan(experiment=experiment, cells=cells, runs=ordered, unknown=unknown)


def _of_line(
    context: Context,
    line: Line,
    configured: Callable[[], TrainConfig | IclConfig],
    inputs: CellInputs,
    draws: Sequence[Draw],
) -> Iterator[tuple[str, Draw | None, Run | IclRun | None, str]]:
    """Yields key, draw, run and, where the run is only counted for want of a model, the reason."""
    known = [draw for draw in draws if not draw.draw.startswith(EXPECTED)]
    why = ""
    if inputs.test is not None and (known or not line.sources):
        try:
            found: Sequence[Run | IclRun]
            config = configured()
            if isinstance(config, IclConfig):
                found = icl.runs_of(context, config, inputs.cell, known, inputs.test)
            else:
                found = train.plan(context, config, inputs.cell, draws=known, test=inputs.test)
            yield from ((run.planned.key, run.draw, run, "") for run in found)
        except SdcError as error:
            why, known = error.what, []
    else:
        known = []
    there = {id(draw) for draw in known}
    is_seeded = line.method == "icl" or STUDENTS[line.method].seeded
    counted: Sequence[Draw | None] = [draw for draw in draws if id(draw) not in there]
    if not line.sources:
        counted = [None] if inputs.test is None or why else []
    for draw in counted:
        of_draw = "" if draw is None else f"{draw.draw} {draw.repeat if is_seeded else ''}"
        yield f"{line} {inputs.cell} {of_draw}", draw, None, why


def config_of(context: Context, experiment: Experiment, line: Line) -> TrainConfig | IclConfig:
    """Returns how a line's students are fitted, or its model is prompted.

    Raises:
        UsageError: A setting is wrong.
        EngineError: The model that has settings of its own cannot be had.
    """
    seed = experiment.seed
    if line.method == "icl":
        return icl.configured(context, experiment.preset, **{**line.settings, "seed": seed})
    own = {name: value for name, value in line.settings.items() if name in (*SEEDS, CALIBRATE)}
    settings = {name: value for name, value in line.settings.items() if name not in own}
    return train.configured(context, experiment.preset, method=line.method, settings=settings, seed=seed, **own)


def _waves(draws: Sequence[Draw], *, is_baseline: bool) -> dict[tuple[str, int], int]:
    """Returns the wave of each draw: few repeats of the sizes that show a curve's shape, then all sizes, then the rest.

    One draw may have several sizes, and belongs to the earliest of their waves.
    """
    found: dict[tuple[str, int], int] = {}
    for draw in draws:
        block = draw.repeat // _REPEATS
        wave = 1 + block + (0 if block == 0 and draw.size in _SHAPE else 1)
        place = (draw.draw, draw.repeat)
        found[place] = 0 if is_baseline else min(wave, found.get(place, wave))
    return found


def _rank(experiment: Experiment, run: PlannedRun) -> tuple[Any, ...]:
    """Returns where a run stands in the order that the experiment asks for."""
    rest = (run.line, run.cell, run.draw.repeat if run.draw else 0, run.draw.num_rows if run.draw else 0, run.key)
    by = experiment.order
    return (run.cell, *rest) if by == "cell" else (run.line, *rest) if by == "student" else (run.wave, *rest)


def cell_of(cells: Sequence[CellInputs], run: PlannedRun) -> Cell:
    """Returns the language and task of a run."""
    return cells[run.cell].cell
