"""train: fits a student on every draw and keeps what it says about every test row.

A student that can (`FitsMany`) is handed all runs, and which of them are missing; those that it fits together are kept
together, as soon as they end.

Here: which runs there are, their keys and seeds, and the keeping of finished ones. Not here: how a student is fitted
(`students/`), what its scores are worth (eval).
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sdc.cache import freshness, scratch
from sdc.cache.key import derive_seed, digest
from sdc.cache.store import Artifact
from sdc.pipelines import stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.energy import Meter
from sdc.pipelines.records import leaks, lineage
from sdc.pipelines.records import runs as run_records
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.records.examples import ExampleRow, rows_of, test_rows
from sdc.pipelines.records.leaks import Leaks
from sdc.pipelines.stage import Context, Outcome
from sdc.pipelines.students import LinearConfig, StudentConfig
from sdc.pipelines.students.protocol import Finished, FitFailed, FitJob, FitsMany, Fitted, Seeds, Student
from sdc.pipelines.students.tested import Tested, tested_on
from sdc.pipelines.train.keep import keeping

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
        tuned_by: Key of the search that chose the student's settings, for the details; the settings are in run keys.
    """

    student: StudentConfig = field(default_factory=LinearConfig)
    seed: int = 1337
    init_seed: int | None = None
    order_seed: int | None = None
    keep_weights: bool = False
    retry_failed: bool = False
    tuned_by: str | None = None

    def seeds(self, repeat: int, attempt: int = 0) -> Seeds:
        """Returns the seeds of a run on a draw of this repeat; of another attempt, both are others."""
        if attempt:
            init, order = (derive_seed(self.seed, part, repeat, "attempt", attempt) for part in ("init", "order"))
            return Seeds(init=init, order=order)
        return Seeds(
            init=derive_seed(self.seed, "init", repeat) if self.init_seed is None else self.init_seed,
            order=derive_seed(self.seed, "order", repeat) if self.order_seed is None else self.order_seed,
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """One student on one draw: the artifact to make, and its seeds if it has any."""

    planned: Artifact
    draw: Draw
    seeds: Seeds


def plan(context: Context, config: TrainConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact) -> list[Run]:
    """Returns the runs that `run` would make, each once, in the order of the draws, then what is tried again."""
    student = config.student.build(context.store, cell.task)
    return list(_planned(context, student, config, cell, draws, test).values())


def _planned(
    context: Context, student: Student, config: TrainConfig, cell: Cell, draws: Sequence[Draw], test: Artifact
) -> dict[str, Run]:
    lineage.refuse_train(test)
    common = {"method": student.method, **student.identity(), "num_labels": len(cell.task.labels)}

    def run_on(draw: Draw, attempt: int = 0) -> Run:
        return _run_on(draw, config.seeds(draw.repeat, attempt), common, cell, test, seeded=student.seeded)

    runs: dict[str, Run] = {}
    for draw in draws:
        run = run_on(draw)
        runs.setdefault(run.planned.key, run)
    if config.retry_failed and student.seeded:
        bad = _failed(context)
        for run in list(runs.values()):
            attempt = 0
            while run.planned.key in bad:
                attempt += 1
                run = run_on(run.draw, attempt)
                runs[run.planned.key] = run
    return runs


def _run_on(draw: Draw, seeds: Seeds, common: Mapping[str, Any], cell: Cell, test: Artifact, *, seeded: bool) -> Run:
    # The draw's content, not its sample, repeat or size: more sizes or repeats leave the keys of old runs alone.
    settings = {**common, "draw": draw.draw}
    if seeded:
        settings |= {"init_seed": seeds.init, "order_seed": seeds.order}
    planned = stage.plan(
        stage="train", version=VERSION, config=settings, inputs=[test.key], lang=cell.lang, task=cell.task.name
    )
    return Run(planned=planned, draw=draw, seeds=seeds)


def _failed(context: Context) -> set[str]:
    """Returns the runs that broke off, or that an eval found below chance whatever reader it used."""
    found = context.store.query(
        """select key from runs where status = 'failed' union
        select run from metrics where metric = 'failed_run' and key not in (select key from stale)
        group by run having min(value) >= 1"""
    )
    return {key for (key,) in found}


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


def usual_seconds(context: Context, config: TrainConfig, cell: Cell) -> dict[int, float]:
    """Returns how long earlier runs of the method and model took on average, in seconds by their number of rows."""
    student = config.student.build(context.store, cell.task)
    found = context.store.query(
        "select num_rows, avg(seconds) from runs where method = ? and model = ? and seconds is not null group by 1",
        [student.method, student.model],
    )
    return {num_rows: round(seconds, 2) for num_rows, seconds in found}


def run(context: Context, config: TrainConfig, cell: Cell, *, draws: Sequence[Draw], test: Artifact) -> list[Outcome]:
    """Fits one student per draw, or returns the runs that are there, in the order of the draws.

    Raises:
        DataError: The test data has no usable row.
        EngineError: The model cannot be loaded, memory ran out, or every single run failed.
    """
    student = config.student.build(context.store, cell.task)
    runs = _planned(context, student, config, cell, draws, test)
    known = {} if context.force else there(context, config, list(runs.values()))
    outcomes = {key: Outcome(key=key, hit=True, summary=summary) for key, summary in known.items()}
    if known:
        context.store.touch(list(known))
    missing = [number for number, key in enumerate(runs) if key not in known]
    if missing:
        made = _fit_all(context, config, cell, student, list(runs.values()), missing, test)
        outcomes |= {outcome.key: outcome for outcome in made}
    return run_records.with_result([outcomes[key] for key in runs], f"train {cell}")


def _fit_all(
    context: Context,
    config: TrainConfig,
    cell: Cell,
    student: Student,
    runs: Sequence[Run],
    missing: Sequence[int],
    test: Artifact,
) -> list[Outcome]:
    seen = freshness.seen(context.store, [test.key])
    idxs, test_texts = zip(*test_rows(context, test), strict=True)
    wanted = [runs[number] for number in missing]
    rows = rows_of(context, [item.draw for item in (runs if isinstance(student, FitsMany) else wanted)])
    student.prepare([*(text for of_draw in rows.values() for _, text, _ in of_draw), *test_texts])
    what, outcomes = f"train {cell} {student.method}", list[Outcome]()
    leaked = leaks.of_draws(context, f"train {cell}", [item.draw for item in wanted], test.key)
    meter, start = Meter(), time.perf_counter()
    together: list[tuple[Run, Tested]] = []
    with keeping(context, overwrite=config.keep_weights, seen=seen) as keep:
        for finished in _fits(context, cell, student, runs, missing, rows):
            together.append((runs[finished.job], tested_on(finished, idxs, test_texts)))
            if finished.more:
                context.progress(what, len(outcomes) + len(together), len(missing))
                continue
            made = []
            for item, tested in together:
                found = _rows(context, config, cell, student, item, tested, leaked[item.draw.draw])
                (run_row,) = found["runs"]
                about = {name: run_row[name] for name in ("method", "model", "source", "num_rows", "status", "reason")}
                about |= {"size": item.draw.size, "repeat": item.draw.repeat, "test_rows": len(idxs)}
                share = tested.seconds / (time.perf_counter() - start)
                about["energy_kwh"] = _energy_kwh(student, meter, share=share)
                made.append((replace(item.planned, summary=about, seconds=tested.seconds), found))
                outcomes.append(Outcome(key=item.planned.key, hit=False, summary=about))
            keep(made)
            together = []
            context.progress(what, len(outcomes), len(missing))
    return outcomes


def _energy_kwh(student: Student, meter: Meter, *, share: float) -> float | None:
    """Returns what a run used: its share of the time, at the mean power of all runs so far."""
    kwh = meter.kwh() if student.uses_gpu else None
    return None if kwh is None else kwh * share


def _fits(
    context: Context,
    cell: Cell,
    student: Student,
    runs: Sequence[Run],
    missing: Sequence[int],
    rows: Mapping[str, Sequence[ExampleRow]],
) -> Iterator[Finished]:
    """Yields the missing runs as they are fitted: one after another, or several at once where the student can do so."""

    def job(number: int) -> FitJob:
        _, texts, labels = zip(*rows[runs[number].draw.draw], strict=True)
        return FitJob(texts=texts, labels=labels, seeds=runs[number].seeds)

    num_labels = len(cell.task.labels)
    if isinstance(student, FitsMany):
        what = f"train {cell} {student.method} steps"
        yield from student.fit_many(
            [job(number) for number in range(len(runs))],
            num_labels=num_labels,
            progress=lambda done, total: context.progress(what, done, total),
            wanted=missing,
        )
        return
    for number in missing:
        start, one = time.perf_counter(), job(number)
        result: Fitted | FitFailed
        try:
            result = student.fit(one.texts, one.labels, num_labels=num_labels, seeds=one.seeds)
        except FitFailed as failure:
            result = failure
        yield Finished(job=number, result=result, seconds=time.perf_counter() - start)


def _rows(
    context: Context, config: TrainConfig, cell: Cell, student: Student, item: Run, tested: Tested, leaked: Leaks
) -> dict[str, list[dict[str, Any]]]:
    """Returns the table rows of one run, and keeps its weights if they are wanted."""
    result = tested.result
    reason = result.reason if isinstance(result, FitFailed) else None
    details, blobs = dict(result.details), []
    if config.keep_weights and not isinstance(result, FitFailed):
        with scratch.folder("weights") as folder:
            result.save(folder)
            blobs = context.store.blobs.put_folder(folder)
    if student.seeded:
        details["order_seed"] = item.seeds.order
    details["leaks"] = leaked.as_json()
    if config.tuned_by:
        details["tuned_by"] = config.tuned_by
    unlike = ("draw", "init_seed", "order_seed", "num_labels", "definition")
    run_row = {
        "lang": cell.lang,
        "task": cell.task.name,
        "method": student.method,
        "model": student.model,
        "source": item.draw.source,
        "draw": item.draw.draw,
        "num_rows": item.draw.num_rows,
        "decoding": getattr(student, "decoding", None),
        "init_seed": item.seeds.init if student.seeded else None,
        "setting": digest({k: v for k, v in item.planned.config.items() if k not in unlike})[:12],
        "test_key": item.planned.inputs[0],
        "status": "ok" if reason is None else "failed",
        "reason": reason,
        "seconds": tested.seconds,
        "details": json.dumps(details, ensure_ascii=False),
    }
    return {"runs": [run_row], "outputs": list(tested.outputs), "blobs": blobs}
