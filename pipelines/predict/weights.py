"""The weights of a run: the kept ones, or made again from its recipe.

Here: a folder with the files that the student's `save` writes. Not here: fitting (`students/`), reading the files
(`students/loaded.py`), what is done with them (predict, export).
"""

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sdc.cache import inside, scratch
from sdc.cache.key import digest
from sdc.errors import EngineError, StoreError, UsageError
from sdc.pipelines import students
from sdc.pipelines.records.examples import weighted_rows_by_hash
from sdc.pipelines.records.outputs import answered_rows
from sdc.pipelines.records.run_record import RunRecord, base_model
from sdc.pipelines.stage import Context
from sdc.pipelines.students import StudentConfig
from sdc.pipelines.students.calibrated import Calibrated
from sdc.pipelines.students.protocol import Answering, FitFailed, Fitted, Seeds, Student

#: Stored test rows that a student is held against after it was fitted again.
_CHECKED_ROWS = 64
#: A score that differs by more is told, in nats: other machines and libraries round differently.
_NOTICEABLE = 0.01


@contextmanager
def folder(context: Context, record: RunRecord, *, base: str | None = None, keep: bool = False) -> Iterator[Path]:
    """Gives a temporary folder with the weights of a trained run; one line says so if they must be made again.

    Args:
        context: The store, and who is told.
        record: A run of stage `train`.
        base: The model that it started from, where that is not found by itself.
        keep: Keep weights that were made again beside the store. The run's key and outputs stay as they are.

    Raises:
        UsageError: The recipe means something else today: other labels, prompts or defaults.
        StoreError: The rows of its draw are not in the store, or the names of its files lead out of a folder.
        EngineError: The fit failed, or its model is not on this machine.
    """
    with scratch.folder("weights") as target:
        lost = _kept(context, record, target)
        if lost is not None:
            took = "" if record.seconds is None else f", which took {record.seconds:.1f} s the first time"
            hint = "" if keep else "; --keep-weights keeps them"
            context.say(f"run {record.short}: its weights {lost}, so it is fitted again{took}{hint}")
            _fit_again(context, record, base=base).save(target)
            if keep:
                context.store.add_blobs(record.artifact.key, context.store.blobs.put_folder(target))
        yield target


def settings(record: RunRecord) -> StudentConfig:
    """Returns the settings in a trained run's recipe, with any model: kept weights need none."""
    return students.of_settings(record.method, record.artifact.config)


def student(context: Context, record: RunRecord, *, base: str | None = None) -> Student:
    """Returns the student with the settings in the run's recipe, and its model.

    Raises:
        UsageError: Its key would be another one today.
        EngineError: Its model is not on this machine.
    """
    recipe = record.artifact.config
    name = None
    if "model" in recipe:
        where = f"run {record.short}"
        name = base_model(context.store, recipe["model"], record.model, given=base, where=where)
    made = students.of_settings(record.method, recipe, model=name).build(context, record.cell.task)
    today = {**made.identity(), "method": made.method, "num_labels": len(record.cell.task.labels)}
    changed = [name for name in sorted({*today, *recipe} - {"draw", "init_seed", "order_seed", "model", "calibrate"})
               if digest(today.get(name)) != digest(recipe.get(name))]  # fmt: skip
    if changed:
        what = f"the recipe of run {record.short} means something else today ({', '.join(changed)} differ)"
        raise UsageError(what, str(context.store.path), "train it again, or use the sdc that made it")
    return made


def _kept(context: Context, record: RunRecord, target: Path) -> str | None:
    """Puts the kept weights into `target` and returns None, or returns what is wrong with them."""
    rows = context.store.query("select name, digest, bytes from blobs where key = ?", [record.artifact.key])
    if not rows:
        return "were not kept"
    wrong = inside.faults(name for name, _, _ in rows)
    if wrong:
        where = f"run {record.short}"
        raise StoreError(f"its weights have names that are none ({wrong[0]})", where, "see `sdc store verify`")
    for name, blob, size in rows:
        fault = context.store.blobs.fault(blob, size)
        if fault is not None:
            return f"are {fault} ({name})"
    for name, blob, _ in rows:
        _link(context.store.blobs.path(blob).resolve(), inside.new_file(target, name))
    return None


def _link(source: Path, path: Path) -> None:
    try:
        path.symlink_to(source)
    except OSError:  # a file system without links
        shutil.copyfile(source, path)


def _fit_again(context: Context, record: RunRecord, *, base: str | None) -> Fitted:
    recipe = record.artifact.config
    made = student(context, record, base=base)
    rows, counts = weighted_rows_by_hash(context, record.draw)
    _, texts, labels = zip(*rows, strict=True)
    seeds = Seeds(init=recipe.get("init_seed", 0), order=recipe.get("order_seed", 0))
    made.prepare(texts)
    try:
        fitted = made.fit(texts, labels, num_labels=recipe["num_labels"], seeds=seeds, weights=counts)
        if "bias" in record.details:
            known = record.details
            fitted = Calibrated(fitted, known["bias"], num_seeds=known["calibrated_on"])
        difference = _difference(context, record, fitted)
    except FitFailed as failure:
        what = f"fitting it again failed ({failure.reason}), although it went well the first time"
        raise EngineError(what, f"run {record.short}", "use the machine that made it, or train another") from failure
    if difference > _NOTICEABLE:
        what = "replies to" if math.isinf(difference) else "scores of"
        far = "" if math.isinf(difference) else f" by up to {difference:.2g}"
        why = "another machine, or other versions of libraries"
        context.say(f"run {record.short}: the {what} test rows differ{far} from the stored ones ({why})")
    return fitted


def _difference(context: Context, record: RunRecord, fitted: Fitted) -> float:
    """Returns how far answers to test rows are from the stored ones, in nats; infinite for another reply."""
    before = answered_rows(context.store, record.artifact.key, test=record.test_key)[:_CHECKED_ROWS]
    texts = [row.text for row in before]
    answers: Sequence[dict[str, Any]]
    if isinstance(fitted, Answering):
        answers = fitted.answers(texts)
    else:
        answers = [{"scores": scores} for scores in fitted.scores(texts)]
    most = 0.0
    for answer, row in zip(answers, before, strict=True):
        if row.scores is not None and answer.get("scores") is not None:
            most = max(most, *(abs(new - old) for new, old in zip(answer["scores"], row.scores, strict=True)))
        elif answer.get("reply") != row.reply:
            most = math.inf
    return most
