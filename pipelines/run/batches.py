"""Batches: runs that one worker does together, and the work itself.

A batch is about a quarter of an hour: short enough to be lost, long enough to pay for loading a model. Here: sharing
out, and what a worker does, which needs no store of results. Not here: who does it (`executors/`), what becomes of it
(`driver.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sdc.cache.key import digest
from sdc.errors import UsageError
from sdc.pipelines import icl, train
from sdc.pipelines.cells import Cell
from sdc.pipelines.icl.computing import IclInputs, IclRun
from sdc.pipelines.icl.computing import compute as icl_compute
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.run.plan import ExperimentPlan, PlannedRun, config_of
from sdc.pipelines.stage import Context, Made
from sdc.pipelines.students import STUDENTS
from sdc.pipelines.train import TrainConfig
from sdc.pipelines.train.computing import Run, TrainInputs
from sdc.pipelines.train.computing import compute as train_compute

#: What a batch should take, in seconds, where that is known.
_AIM_S = 900.0
#: What a prompted run is taken to take where nobody has measured one, in seconds.
_PROMPTED_S = 45.0
#: No batch has more runs: what is lost with a worker is done again.
_MOST = 2000


@dataclass(frozen=True, kw_only=True)
class RunBatch:
    """Runs of one line in one cell and wave.

    Args:
        id: Made of the keys of its runs.
        line: Position of its line in the experiment.
        cell: Position of its cell.
        wave: Of its runs.
        keys: Of all its runs: which of them are computed together must not depend on what is there.
        missing: Positions of those that are to do, rising.
        seconds: What they should take; None where that is not known.
    """

    id: str
    line: int
    cell: int
    wave: int
    keys: tuple[str, ...]
    missing: tuple[int, ...]
    seconds: float | None

    def left(self, done: set[str]) -> "RunBatch | None":
        """Returns the batch without what is done; None if that is all."""
        missing = tuple(position for position in self.missing if self.keys[position] not in done)
        return replace(self, missing=missing) if missing else None

    def halves(self) -> "list[RunBatch]":
        """Returns the two halves of what is to do."""
        middle = len(self.missing) // 2
        return [replace(self, missing=part) for part in (self.missing[:middle], self.missing[middle:]) if part]

    def as_json(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return asdict(self)

    @classmethod
    def of_json(cls, raw: Mapping[str, Any]) -> "RunBatch":
        """Returns what `as_json` gave."""
        return cls(**{**raw, "keys": tuple(raw["keys"]), "missing": tuple(raw["missing"])})


def shared_out(
    plan: ExperimentPlan,
    there: set[str],
    seconds_of: Callable[[PlannedRun], float | None],
    *,
    pack: Callable[[int], int],
) -> list[RunBatch]:
    """Returns the batches of an experiment in the order of its runs; none has nothing to do.

    Which runs are together depends on the plan and on how long such runs took, not on which of them are there.

    Args:
        plan: All runs.
        there: Keys of those that need not be done.
        seconds_of: What a run should take; None where that is not known.
        pack: Runs of a line that are best fitted together, so that a batch has a multiple of them.
    """
    groups: dict[tuple[int, int, int], list[PlannedRun]] = {}
    for run in plan.runs:
        groups.setdefault((run.wave, run.line, run.cell), []).append(run)
    batches = []
    for (wave, line, cell), runs in groups.items():
        usual = _guessed_s(plan, line)
        for part in _parts(runs, seconds_of, usual=usual, multiple=pack(line)):
            missing = tuple(position for position, run in enumerate(part) if run.key not in there)
            if missing:
                known = [seconds_of(part[position]) for position in missing]
                seconds = None if None in known else sum(s for s in known if s is not None)
                keys = tuple(run.key for run in part)
                batches.append(
                    RunBatch(id=digest(sorted(keys))[:12], line=line, cell=cell, wave=wave, keys=keys, missing=missing,
                         seconds=seconds)
                )  # fmt: skip
    return batches


def _guessed_s(plan: ExperimentPlan, line: int) -> float:
    method = plan.experiment.lines[line].method
    return STUDENTS[method].guessed_s if method in STUDENTS else _PROMPTED_S


def _parts(
    runs: Sequence[PlannedRun],
    seconds_of: Callable[[PlannedRun], float | None],
    *,
    usual: float,
    multiple: int,
) -> Iterator[list[PlannedRun]]:
    part: list[PlannedRun] = []
    took = 0.0
    for run in runs:
        part.append(run)
        took += seconds_of(run) or usual
        if len(part) % multiple == 0 and (took >= _AIM_S or len(part) >= _MOST):
            yield part
            part, took = [], 0.0
    if part:
        yield part


def expected_seconds(plan: ExperimentPlan, batch: RunBatch) -> float:
    """Returns what the missing runs of a batch should take; where nobody has measured one, by their number."""
    if batch.seconds is not None:
        return batch.seconds
    return _guessed_s(plan, batch.line) * len(batch.missing)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A batch with all that a worker needs beside the models: it travels to where no store is.

    Args:
        batch: The batch.
        attempt: 1, 2 ...
        name: What people call it.
        cell: Language and task of its runs.
        config: How its students are fitted, or its model is prompted.
        inputs: Rows, test texts, leaks.
    """

    batch: RunBatch
    attempt: int
    name: str
    cell: Cell
    config: TrainConfig | IclConfig
    inputs: TrainInputs | IclInputs

    @property
    def worker_class(self) -> str:
        """Jobs of one class can share a worker: it holds their model."""
        model = self.config.model if isinstance(self.config, IclConfig) else getattr(self.config.student, "model", "")
        return f"{self.config.student.method if isinstance(self.config, TrainConfig) else 'icl'} {model}".strip()

    @property
    def uses_gpu(self) -> bool:
        """Whether a GPU makes it faster."""
        return isinstance(self.config, IclConfig) or self.config.student.uses_gpu


def job(context: Context, plan: ExperimentPlan, batch: RunBatch, *, attempt: int) -> Job:
    """Returns a batch with what it works on, read from the store."""
    line, inputs = plan.experiment.lines[batch.line], plan.cells[batch.cell]
    assert inputs.test is not None
    runs = [plan.by_key[key].run for key in batch.keys]
    config = config_of(context, plan.experiment, line)
    found: TrainInputs | IclInputs
    if isinstance(config, IclConfig):
        missing = [run for run in (runs[position] for position in batch.missing) if isinstance(run, IclRun)]
        found = icl.read(context, inputs.cell, missing, inputs.test)
    else:
        all_runs = [run for run in runs if isinstance(run, Run)]
        student = config.student.build(context, inputs.cell.task)
        found = train.read(context, inputs.cell, student, all_runs, batch.missing, inputs.test)
        found = replace(found, runs=[replace(run, draw=replace(run.draw, members=())) for run in found.runs])
    return Job(
        batch=batch, attempt=attempt, name=f"{inputs.cell} {line}", cell=inputs.cell, config=config, inputs=found
    )


def work(context: Context, job: Job) -> Iterator[list[Made]]:
    """Yields the runs of a job as they end: all that a worker does.

    Args:
        context: Knows the models of this machine, and how they are run; its store takes no result.
        job: What is to do.

    Raises:
        UsageError: This machine's model or sdc is not the one that the runs were planned for.
    """
    if isinstance(job.config, IclConfig):
        assert isinstance(job.inputs, IclInputs)
        model = context.model(job.config.model)
        _check(job, {"model": model.identity()}, [run.planned.config for run in job.inputs.runs])
        with context.asker(model) as asker:
            yield from icl_compute(job.config, job.cell, job.inputs, asker, progress=context.progress, say=context.say)
        return
    assert isinstance(job.inputs, TrainInputs)
    student = job.config.student.build(context, job.cell.task)
    planned = [job.inputs.runs[position].planned.config for position in job.inputs.missing]
    _check(job, {"method": student.method, **student.identity()}, planned)
    yield from train_compute(job.cell, student, job.inputs, progress=context.progress, track=context.track)


def _check(job: Job, here: Mapping[str, Any], planned: Sequence[Mapping[str, Any]]) -> None:
    wanted = {name: digest(value) for name, value in here.items()}
    for config in planned:
        other = [name for name, value in wanted.items() if digest(config.get(name)) != value]
        if other:
            what = f"{', '.join(other)} of {job.name} is not what the runs were planned for"
            raise UsageError(what, "worker", "use the same sdc and the same model files on every machine")
