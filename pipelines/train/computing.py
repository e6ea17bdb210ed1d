"""The runs of train: a student fitted on each draw, what it says of the test rows, and the rows that are kept of it.

Here: the computation, which needs no store. Not here: which runs there are, and their keys (`__init__.py`), how a
student is fitted (`students/`).
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sdc.cache import scratch
from sdc.cache.key import digest
from sdc.cache.store import Artifact
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.energy import Meter
from sdc.pipelines.progress import Counter, Progress, part
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.records.examples import ExampleRow
from sdc.pipelines.records.leaks import Leaks
from sdc.pipelines.stage import Made
from sdc.pipelines.students.protocol import Finished, FitFailed, FitJob, FitsMany, Fitted, Seeds, Student
from sdc.pipelines.students.tested import Tested, tested_on
from sdc.pipelines.tracking import Tracker
from sdc.pipelines.train import calibration
from sdc.pipelines.train.tracks import Tracks

#: What differs between runs of one setting.
_OF_ONE_RUN = ("draw", "init_seed", "order_seed", "num_labels", "definition")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One student on one draw: the artifact to make, its seeds if it has any, and the seed rows for its bias."""

    planned: Artifact
    draw: Draw
    seeds: Seeds
    calibrated_on: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainInputs:
    """What runs are computed from.

    Args:
        runs: All runs of the command: which of them are fitted together must not depend on what is there already.
        missing: The positions of those that are made, rising.
        rows: Of each draw, by its content hash; a student that fits one run after another needs those of the missing.
        tests: idx and text of the test rows.
        leaks: Of each draw of the missing runs, by its content hash.
    """

    runs: Sequence[Run]
    missing: Sequence[int]
    rows: Mapping[str, Sequence[ExampleRow]]
    tests: Sequence[tuple[int, str]]
    leaks: Mapping[str, Leaks]


def compute(
    cell: Cell,
    student: Student,
    inputs: TrainInputs,
    *,
    keep_weights: bool = False,
    tuned_by: str | None = None,
    progress: Progress,
    track: Tracker | None = None,
) -> Iterator[list[Made]]:
    """Yields the missing runs as they end; those that were fitted together come together.

    Args:
        cell: Language and task.
        student: What is fitted.
        inputs: On what.
        keep_weights: Give the weights with each run, in a folder that is gone after the next step.
        tuned_by: Key of the search that chose the student's settings, for the details.
        progress: Hears of texts that are encoded, and of runs, or of their steps from students that count them.
        track: Hears of the runs and of what their steps measured.

    Raises:
        EngineError: The model cannot be loaded, or memory ran out.
    """
    idxs, texts = zip(*inputs.tests, strict=True)
    what, meter, start = f"train {cell} {student.method}", Meter(), time.perf_counter()
    encoding = Counter(part(progress, 0, 2), f"{what}: encode", unit="text")
    student.prepare([*(text for of_draw in inputs.rows.values() for _, text, _ in of_draw), *texts], progress=encoding)
    fitting = part(progress, 1, 2) if encoding.has_counted else progress
    together: list[tuple[Run, Tested]] = []
    tracks = Tracks(track, cell, student, [(run.planned, run.draw) for run in inputs.runs])
    for finished in _fits(what, student, inputs, len(cell.task.labels), fitting, tracks):
        tracks.end(finished.job, finished.result, seconds=finished.seconds)
        together.append((inputs.runs[finished.job], tested_on(finished, idxs, texts)))
        if finished.more:
            continue
        with ExitStack() as folders:
            made = list[Made]()
            for item, tested in together:
                share = tested.seconds / (time.perf_counter() - start)
                about: dict[str, Any] = {"size": item.draw.size, "repeat": item.draw.repeat, "test_rows": len(idxs)}
                about["fit_seconds"] = round(tested.fit_seconds, 4)
                about["energy_kwh"] = _energy_kwh(student, meter, share=share)
                details = {"leaks": inputs.leaks[item.draw.draw].as_json()} | (
                    {"tuned_by": tuned_by} if tuned_by else {}
                )
                folder = folders.enter_context(scratch.folder("weights")) if keep_weights else None
                made.append(_made(cell, student, item, tested, about=about, details=details, folder=folder))
            yield made
        together = []


def given_up(cell: Cell, student: Student, item: Run, reason: str, *, num_test: int) -> Made:
    """Returns a run that never came to an end, as a failed one with its reason."""
    tested = Tested(result=FitFailed(reason), outputs=[], seconds=0.0)
    about = {"size": item.draw.size, "repeat": item.draw.repeat, "test_rows": num_test, "energy_kwh": None}
    return _made(cell, student, item, tested, about=about, details={}, folder=None)


def _made(
    cell: Cell,
    student: Student,
    item: Run,
    tested: Tested,
    *,
    about: Mapping[str, Any],
    details: Mapping[str, Any],
    folder: Path | None,
) -> Made:
    """Returns a finished run; its weights are written to `folder` if there is one."""
    result = tested.result
    reason = result.reason if isinstance(result, FitFailed) else None
    if folder is not None and not isinstance(result, FitFailed):
        result.save(folder)
    seeds = {"order_seed": item.seeds.order} if student.seeded else {}
    shared = {
        "method": student.method,
        "model": student.model,
        "source": item.draw.source,
        "num_rows": item.draw.num_rows,
        "status": "ok" if reason is None else "failed",
        "reason": reason,
    }
    run_row = {
        "lang": cell.lang,
        "task": cell.task.name,
        **shared,
        "draw": item.draw.draw,
        "decoding": getattr(student, "decoding", None),
        "init_seed": item.seeds.init if student.seeded else None,
        "setting": digest({k: v for k, v in item.planned.config.items() if k not in _OF_ONE_RUN})[:12],
        "test_key": item.planned.inputs[0],
        "seconds": tested.seconds,
        "details": json.dumps({**result.details, **seeds, **details}, ensure_ascii=False),
    }
    bias = {name: result.details[name] for name in ("bias", "calibrated_on")} if "bias" in result.details else {}
    finished = replace(item.planned, summary={**shared, **about, **bias}, seconds=tested.seconds)
    return Made(artifact=finished, rows={"runs": [run_row], "outputs": tested.outputs}, files=folder)


def _energy_kwh(student: Student, meter: Meter, *, share: float) -> float | None:
    """Returns what a run used: its share of the time, at the mean power of all runs so far."""
    kwh = meter.kwh() if student.uses_gpu else None
    return None if kwh is None else kwh * share


def _fits(
    what: str, student: Student, inputs: TrainInputs, num_labels: int, progress: Progress, tracks: Tracks
) -> Iterator[Finished]:
    """Yields the missing runs as they are fitted: one after another, or several at once where the student can do so."""

    def job(number: int) -> FitJob:
        run = inputs.runs[number]
        _, texts, labels = zip(*inputs.rows[run.draw.draw], strict=True)
        return FitJob(texts=texts, labels=labels, seeds=run.seeds, weights=run.draw.weights)

    if isinstance(student, FitsMany):
        yield from student.fit_many(
            [job(number) for number in range(len(inputs.runs))],
            num_labels=num_labels,
            progress=Counter(progress, what),
            wanted=inputs.missing,
            curve=tracks.curve,
        )
        return
    runs, num_runs = Counter(progress, what, unit="run"), len(inputs.missing)
    for done, number in enumerate(inputs.missing):
        tracks.begin(number)
        start, one = time.perf_counter(), job(number)
        bias_seeds = inputs.runs[number].calibrated_on
        of_run = part(progress, done, num_runs, unit="run")
        steps = Counter(part(of_run, 0, 2) if bias_seeds else of_run, what)
        result: Fitted | FitFailed
        try:
            result = student.fit(
                one.texts, one.labels, num_labels=num_labels, seeds=one.seeds, weights=one.weights, progress=steps,
                curve=tracks.curve(number),
            )  # fmt: skip
            if bias_seeds:
                of_bias = part(of_run, 1, 2)
                result = calibration.calibrated(
                    student, one, result, seeds=bias_seeds, num_labels=num_labels, progress=of_bias, what=what
                )
        except FitFailed as failure:
            result = failure
        yield Finished(job=number, result=result, seconds=time.perf_counter() - start)
        if not steps.has_counted:
            runs(done + 1, num_runs)
