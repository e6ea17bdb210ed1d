"""What an experiment will take, from what runs of the same method and model took before.

Here: seconds and energy of a run, sums over the runs of a line and a wave. Not here: which runs there are (`plan.py`).
"""

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sdc.cache.store import Store
from sdc.errors import SdcError
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.records import encoding, runs
from sdc.pipelines.run.experiment import Line
from sdc.pipelines.run.plan import ExperimentPlan, PlannedRun, config_of
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context
from sdc.pipelines.students import STUDENTS

#: What the store needs for what a student says of one test row, measured (benchmarks/store.py), in bytes.
_BYTES_PER_OUTPUT = 25

_Curve = Mapping[int, tuple[float, float | None]]


class Measured:
    """How long runs take, by what the store has of their method and model.

    Args:
        store: With runs of earlier commands.
        model_of: Name of the model of a line, as tables show it.
    """

    def __init__(self, store: Store, model_of: Callable[[Line], str]) -> None:
        self._known = runs.measured(store) if store.exists() else {}
        per_text = encoding.seconds_per_text(store) if store.exists() else {}
        self._per_text = {model: seconds for (model, _), seconds in per_text.items()}
        self._model_of = model_of

    def seconds(self, line: Line, num_rows: int) -> float | None:
        """Returns the seconds of a run; None if no run of its kind was ever measured."""
        found = self._at(line, num_rows)
        return None if found is None else found[0]

    def kwh(self, line: Line, num_rows: int) -> float | None:
        """Returns the energy of a run; None if it was never measured."""
        found = self._at(line, num_rows)
        return None if found is None else found[1]

    def of_runs(self, plan: ExperimentPlan, there: Collection[str]) -> Callable[[PlannedRun], float | None]:
        """Returns what gives the seconds of a run, with encoding the texts that no run before it has read.

        Args:
            plan: With the run.
            there: Keys of the runs that the store has: what they are of is read already.
        """
        lines = plan.experiment.lines
        reading = [
            run for run in plan.runs
            if lines[run.line].method in STUDENTS and STUDENTS[lines[run.line].method].reads_embeddings
        ]  # fmt: skip
        new = encoding.first_read(
            (run.key, (self._model_of(lines[run.line]), run.cell), run.draw, plan.cells[run.cell].num_test or 0)
            for run in sorted(reading, key=lambda run: run.key not in there)
        )

        def seconds(run: PlannedRun) -> float | None:
            line = lines[run.line]
            fit_s = self.seconds(line, run.draw.num_rows if run.draw else 0)
            text_s = self._per_text.get(self._model_of(line)) if new.get(run.key) else 0.0
            return None if fit_s is None or text_s is None else fit_s + text_s * new.get(run.key, 0)

        return seconds

    def _at(self, line: Line, num_rows: int) -> tuple[float, float | None] | None:
        curve = self._known.get((line.method, self._model_of(line)))
        return None if not curve else between(curve, num_rows)


def between(curve: _Curve, num_rows: int) -> tuple[float, float | None]:
    """Returns the value at a number of rows: between two that were measured on the line through them, else the nearest.

    >>> between({10: (1.0, None), 30: (2.0, None)}, 20), between({10: (1.0, None)}, 400)
    ((1.5, None), (1.0, None))
    """
    places = sorted(curve)
    after = bisect_left(places, num_rows)
    if after == 0 or after == len(places):
        return curve[places[min(after, len(places) - 1)]]
    low, high = places[after - 1], places[after]
    share = (num_rows - low) / (high - low)
    (seconds_low, kwh_low), (seconds_high, kwh_high) = curve[low], curve[high]
    kwh = None if kwh_low is None or kwh_high is None else kwh_low + share * (kwh_high - kwh_low)
    return seconds_low + share * (seconds_high - seconds_low), kwh


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What runs of a line take.

    Args:
        line: The line, in words.
        wave: Of its runs; None for all waves together.
        runs: How many.
        there: How many the store has.
        draws: Distinct draws.
        outputs: Answers on test rows; None where a test is not there.
        hours: Of what is missing, with encoding its texts once; None where no run of the kind was measured.
        cost: At the price of the site; None without a price or without hours.
        bytes: That the outputs of what is missing take in the store.
        kg_co2e: Of what is missing; None where energy or the grid's intensity is not known.
    """

    line: str
    wave: int | None
    runs: int
    there: int
    draws: int
    outputs: int | None
    hours: float | None
    cost: float | None
    bytes: int | None
    kg_co2e: float | None

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return dict(vars(self))


def expected(plan: ExperimentPlan, there: set[str], measured: Measured, site: Site) -> list[Expected]:
    """Returns what each line takes, wave by wave, then all of it."""
    lines = plan.experiment.lines
    parts: dict[tuple[int, int], list[PlannedRun]] = {}
    seconds = measured.of_runs(plan, there)
    for run in plan.runs:
        parts.setdefault((run.line, run.wave), []).append(run)
    rows = [
        _expected(plan, str(lines[line]), wave, of_part, there, measured, seconds, site)
        for (line, wave), of_part in sorted(parts.items(), key=lambda part: (part[0][0], part[0][1]))
    ]
    return [*rows, _expected(plan, "all", None, plan.runs, there, measured, seconds, site)]


def _expected(
    plan: ExperimentPlan,
    name: str,
    wave: int | None,
    runs: Sequence[PlannedRun],
    there: set[str],
    measured: Measured,
    seconds: Callable[[PlannedRun], float | None],
    site: Site,
) -> Expected:
    lines = plan.experiment.lines
    missing = [run for run in runs if run.key not in there]
    tests = [plan.cells[run.cell].num_test for run in runs]
    left = [plan.cells[run.cell].num_test for run in missing]
    rows = [(lines[run.line], run.draw.num_rows if run.draw else 0) for run in missing]
    hours = _sum([seconds(run) for run in missing], 1 / 3600)
    return Expected(
        line=name,
        wave=wave,
        runs=len(runs),
        there=len(runs) - len(missing),
        draws=len({run.draw.draw for run in runs if run.draw}),
        outputs=_whole(_sum(tests)),
        hours=hours,
        cost=None if hours is None or site.price_per_hour is None else hours * site.price_per_hour,
        bytes=_whole(_sum(left, _BYTES_PER_OUTPUT)),
        kg_co2e=_sum([measured.kwh(*row) for row in rows], site.kg_co2e_per_kwh) if site.kg_co2e_per_kwh else None,
    )


def _sum(values: Sequence[float | None], factor: float = 1.0) -> float | None:
    """Returns the sum times a factor; None if a value is not known."""
    known = [value for value in values if value is not None]
    return sum(known) * factor if len(known) == len(values) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def model_names(context: Context, plan: ExperimentPlan) -> Callable[[Line], str]:
    """Returns what gives the model of a line as tables show it: its name where it cannot be looked up here."""
    task = plan.cells[0].cell.task

    @cache
    def name_of(number: int) -> str:
        line = plan.experiment.lines[number]
        try:
            config = config_of(context, plan.experiment, line)
            if isinstance(config, IclConfig):
                return context.model(config.model).name
            return config.student.build(context, task).model
        except SdcError:
            return str(line.settings.get("model", ""))

    return lambda line: name_of(plan.experiment.lines.index(line))
