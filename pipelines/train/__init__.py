"""train: fits a student on every draw and keeps what it says about every test row.

A student that can (`FitsMany`) is handed all runs, and which of them are missing; those that it fits together are kept
together, as soon as they end.

Here: which runs there are, their keys and seeds, and the keeping of finished ones. Not here: how a student is fitted
(`students/`), what its scores are worth (eval).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdc.cache import freshness
from sdc.cache.counted import counted
from sdc.cache.key import derive_seed
from sdc.cache.store import Artifact
from sdc.errors import UsageError, one_of
from sdc.pipelines import presets, stage, students
from sdc.pipelines.cells import Cell
from sdc.pipelines.records import encoding, leaks, lineage
from sdc.pipelines.records import runs as records
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.records.examples import rows_of, test_rows
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.students import LinearConfig, StudentConfig
from sdc.pipelines.students.protocol import FitsMany, Seeds, Student
from sdc.pipelines.train import calibration
from sdc.pipelines.train.computing import Run, TrainInputs, compute

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What is fitted and with which seeds.

    Args:
        student: Settings of the student; their type says which one it is.
        seed: Root of the seeds of a run, which also depend on the repeat of its draw. It does not choose the draw.
        init_seed: The seed of untrained weights in every run, instead of the derived one.
        order_seed: The seed of row order, held-out rows and dropout in every run, instead of the derived one.
        keep_weights: Keep the weights as blobs. A run whose weights are not there is fitted again; its key is the same.
        retry_failed: Fit one more run, with seeds of its own, for every run that broke off or that eval found below
            chance. The failed one stays, and is counted.
        calibrate: Which runs get a bias per label from the seed rows of their draw: one of `calibration.MODES`.
        tuned_by: Key of the search that chose the student's settings, for the details; the settings are in run keys.
    """

    student: StudentConfig = field(default_factory=LinearConfig)
    seed: int = 1337
    init_seed: int | None = None
    order_seed: int | None = None
    keep_weights: bool = field(default=False, metadata={"key": False})
    retry_failed: bool = field(default=False, metadata={"key": False})
    calibrate: str = field(default="none", metadata={"key": False})  # in the keys of the runs that have a bias
    tuned_by: str | None = field(default=None, metadata={"key": False})

    def __post_init__(self) -> None:
        if self.calibrate not in calibration.MODES:
            fix = one_of(self.calibrate[:80], calibration.MODES)
            raise UsageError(f"unknown {self.calibrate[:80]!r}", "--calibrate", fix)

    def seeds(self, repeat: int, attempt: int = 0) -> Seeds:
        """Returns the seeds of a run on a draw of this repeat; of another attempt, both are others."""
        if attempt:
            init, order = (derive_seed(self.seed, part, repeat, "attempt", attempt) for part in ("init", "order"))
            return Seeds(init=init, order=order)
        return Seeds(
            init=derive_seed(self.seed, "init", repeat) if self.init_seed is None else self.init_seed,
            order=derive_seed(self.seed, "order", repeat) if self.order_seed is None else self.order_seed,
        )


def configured(context: Context, preset: str, *, method: str, settings: Mapping[str, Any], **flags: Any) -> TrainConfig:
    """Returns what is fitted: flags over what the model needs over the preset; None is not given.

    Args:
        context: Knows the models.
        preset: Its name.
        method: A name in `students.STUDENTS`.
        settings: Of the student.
        flags: Other fields of `TrainConfig`.

    Raises:
        UsageError: There is no such method or preset, or the method has no such setting.
    """
    student = students.configured(context, method, preset=preset, flags=settings)
    usual = {"calibrate": presets.load(preset, "train").get("calibrate", "none")}
    return TrainConfig(**presets.merged(usual, **flags), student=student)


def plan(context: Context, config: TrainConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact) -> list[Run]:
    """Returns the runs that `run` would make, each once, in the order of the draws, then what is tried again."""
    student = config.student.build(context, cell.task)
    return list(_planned(context, student, config, cell, draws, test).values())


def _planned(
    context: Context, student: Student, config: TrainConfig, cell: Cell, draws: Sequence[Draw], test: Artifact
) -> dict[str, Run]:
    lineage.refuse_train(test)
    # The draw's content, not its sample, repeat or size: more sizes or repeats leave the keys of old runs alone.
    shared = {"method": student.method, **student.identity(), "num_labels": len(cell.task.labels)}
    planner = stage.Planner(
        stage="train", version=VERSION, shared=shared, inputs=[test.key], lang=cell.lang, task=cell.task.name
    )

    def run_on(draw: Draw, attempt: int = 0) -> Run:
        seeds = config.seeds(draw.repeat, attempt)
        own: dict[str, Any] = {"init_seed": seeds.init, "order_seed": seeds.order} if student.seeded else {}
        number = calibration.num_seeds(config.calibrate, config.student, draw, num_labels=len(cell.task.labels))
        if number:
            own["calibrate"] = {"seeds": number, "version": calibration.VERSION}
        return Run(planned=planner.plan(draw=draw.draw, **own), draw=draw, seeds=seeds, calibrated_on=number)

    runs: dict[str, Run] = {}
    for draw in draws:
        run = run_on(draw)
        runs.setdefault(run.planned.key, run)
    if config.retry_failed and student.seeded:
        bad = records.failed(context.store)
        for run in list(runs.values()):
            attempt = 0
            while run.planned.key in bad:
                attempt += 1
                run = run_on(run.draw, attempt)
                runs[run.planned.key] = run
    return runs


def there(context: Context, config: TrainConfig, runs: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Returns the summaries of those runs that need not be fitted, with their weights if these are wanted, by key."""
    found = freshness.hits(context.store, [item.planned.key for item in runs])
    if config.keep_weights:
        rows = context.store.query(
            "select key, digest, bytes from blobs where key in (select unnest(?::varchar[]))", [list(found)]
        )
        kept = {key for key, _, _ in rows} - {key for key, *blob in rows if not context.store.blobs.has(*blob)}
        found = {key: about for key, about in found.items() if key in kept or about.get("status") == "failed"}
    return {key: dict(about) for key, about in found.items()}


def dry_run(
    context: Context, config: TrainConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact
) -> list[dict[str, Any]]:
    """Returns what `run` would make, as `--dry-run --json` tells it: a record per run."""
    planned = plan(context, config, cell, draws=draws, test=test)
    known, usual = there(context, config, planned), usual_seconds(context, config, cell)
    model = config.student.build(context, cell.task).model
    per_text = {name: seconds for (name, _), seconds in encoding.seconds_per_text(context.store).items()}
    reading = sorted(planned, key=lambda run: run.planned.key not in known) if config.student.reads_embeddings else []
    new = encoding.first_read((run.planned.key, None, run.draw, test.summary.get("ok") or 0) for run in reading)

    def seconds(run: Run) -> float | None:
        if run.planned.key in known:
            return 0.0
        fit_s, number = usual.get(run.draw.num_rows), new.get(run.planned.key, 0)
        text_s = per_text.get(model) if number else 0.0
        return None if fit_s is None or text_s is None else round(fit_s + number * text_s, 2)

    return [
        {"key": run.planned.short, "stage": "train", "cell": str(cell), "source": run.draw.source,
         "method": config.student.method, "model": model,
         "size": run.draw.size, "rows": run.draw.num_rows, "repeat": run.draw.repeat,
         "cached": run.planned.key in known,
         "seconds": seconds(run)}
        for run in planned
    ]  # fmt: skip


def usual_seconds(context: Context, config: TrainConfig, cell: Cell) -> dict[int, float]:
    """Returns how long earlier runs of the method and model took on average, in seconds by their number of rows."""
    student = config.student.build(context, cell.task)
    return records.usual_seconds(context.store, student.method, student.model)


def run(context: Context, config: TrainConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact) -> list[Outcome]:
    """Fits one student per draw, or returns the runs that are there, in the order of the draws.

    Raises:
        DataError: The test data has no usable row.
        EngineError: The model cannot be loaded, memory ran out, or every single run failed.
    """
    student = config.student.build(context, cell.task)
    runs = list(_planned(context, student, config, cell, draws, test).values())
    known = {} if context.force else there(context, config, runs)
    if known:
        context.store.touch(list(known))
        if context.track is not None:
            context.say(f"train {cell}: {counted(len(known), 'run')} already there, so not tracked; --force fits again")
    made = stage.many(
        context,
        [item.planned for item in runs],
        read=lambda missing: read(context, cell, student, runs, missing, test),
        compute=lambda inputs: compute(
            cell,
            student,
            inputs,
            keep_weights=config.keep_weights,
            tuned_by=config.tuned_by,
            progress=context.progress,
            track=context.track,
        ),
        known={key: Outcome(key=key, hit=True, summary=summary) for key, summary in known.items()},
        overwrite=config.keep_weights,
    )
    return records.with_result(made, f"train {cell}")


def read(
    context: Context, cell: Cell, student: Student, runs: Sequence[Run], missing: Sequence[int], test: Artifact
) -> TrainInputs:
    """Returns what runs are computed from.

    Args:
        context: Where the store is.
        cell: Language and task.
        student: What is fitted.
        runs: All that the student may fit together.
        missing: Positions of those that are to do.
        test: What they are tested on.

    Raises:
        DataError: The test data has no usable row.
        StoreError: Rows of a draw are not in the store.
    """
    wanted = [runs[position].draw for position in missing]
    # A student that fits several runs at once sees all: which it fits together must not depend on what is there.
    needed = [item.draw for item in runs] if isinstance(student, FitsMany) else wanted
    return TrainInputs(
        runs=runs,
        missing=missing,
        rows=rows_of(context, needed),
        tests=test_rows(context, test),
        leaks=leaks.of_draws(context, f"train {cell}", wanted, test.key),
    )
