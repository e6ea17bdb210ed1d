"""What a run makes of its test: scores of each label, which label is taken for which, and the rows that it gets wrong.

Here: runs of train and icl, read as an evaluation of them is, or as `sdc eval` would by itself. Not here: metrics,
readers.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sdc.cache.store import Artifact
from sdc.errors import DataError, StoreError
from sdc.pipelines import metrics, readers
from sdc.pipelines.cells import Cell, of_artifact
from sdc.pipelines.metrics.confusion import confusion, of_labels
from sdc.pipelines.readers.softmax import softmax
from sdc.pipelines.records import outputs, runs
from sdc.pipelines.records.outputs import GoldRow
from sdc.pipelines.records.runs import RunFacts
from sdc.pipelines.show.choice import ShowChoice, View, counts
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import Task
from sdc.pipelines.view import Row, ViewPart

RIGHT, WRONG, UNPARSED = "right", "wrong", "unparsed"
#: Of tasks with more labels the confusions are a list: no terminal has so many columns.
_MOST_COLUMNS = 12


def run(context: Context, artifact: Artifact, choice: ShowChoice) -> View:
    """Returns what a run, or the run of an evaluation, makes of the rows of its test.

    Raises:
        StoreError: The run of an evaluation is not in the store, or has no record.
        DataError: The run failed, or its test is not in the store.
    """
    facts = _facts(context, artifact)
    cell = of_artifact(context.store, artifact)
    said = outputs.of_test(context.store, facts.key, test=facts.test_key)
    if not said:
        raise DataError("its test rows are not in the store", f"run {facts.key[:12]}", "merge the store that has them")
    reader = _reader(facts, artifact)
    read = readers.read(
        reader,
        cell.task,
        replies=[row.reply for row in said],
        all_scores=[row.scores for row in said],
        label_tokens=facts.label_tokens or (),
    )
    gold = [row.label for row in said]
    matrix = confusion(gold, read, num_labels=len(cell.task.labels))
    rows = [_row(row, label, cell.task) for row, label in zip(said, read, strict=True)]
    statuses = choice.of_statuses(sorted({row["status"] for row in rows}), usual=(UNPARSED, WRONG))
    return View(
        title=_title(facts, cell, reader, rows, gold, read),
        parts=[
            ViewPart(title="labels", rows=_labels(cell.task, matrix)),
            _confusions(cell.task, matrix),
            *choice.grouped(rows, cell.task, statuses=statuses, name="gold"),
        ],
    )


def _facts(context: Context, artifact: Artifact) -> RunFacts:
    key = artifact.inputs[0] if artifact.stage == "eval" else artifact.key
    found = runs.facts(context.store, [key])
    if key not in found:
        fix = "merge the store that has it, or see `sdc store verify`"
        raise StoreError(f"run {key[:12]} has no record here", str(context.store.path), fix)
    if found[key].status != "ok":
        fix = "`sdc train --retry-failed` fits it again with other seeds; `sdc store show` has its settings"
        raise DataError(f"it failed ({found[key].reason}), and said nothing", f"run {key[:12]}", fix)
    return found[key]


def _reader(facts: RunFacts, artifact: Artifact) -> str:
    """Returns the reader of the evaluation, or that which `sdc eval` takes by itself."""
    if artifact.stage == "eval":
        return str(artifact.config["reader"])
    found = readers.resolve("auto", has_scores=facts.has_scores, is_likelihood=facts.decoding == "scores")
    assert found is not None  # `auto` reads everything
    return found


def _row(row: GoldRow, read: int | None, task: Task) -> dict[str, Any]:
    shares = softmax(row.scores) if row.scores and read is not None else None
    return {
        "gold": task.label_names[row.label],
        "idx": row.idx,
        "status": UNPARSED if read is None else RIGHT if read == row.label else WRONG,
        "answer": None if read is None else task.label_names[read],
        "probability": None if shares is None or read is None else round(shares[read], 4),
        "text": row.text,
        "reply": row.reply,
    }


def _title(
    facts: RunFacts, cell: Cell, reader: str, rows: Sequence[Row], gold: Sequence[int], read: Sequence[int | None]
) -> str:
    about = [facts.method, *([facts.model] if facts.model != facts.method else [])]
    about += [f"{facts.source}, {facts.num_rows} rows"] if facts.source else []
    about += [f"{facts.num_shots} shots"] if facts.num_shots is not None else []
    numbers = Counter(row["status"] for row in rows)
    found = {status: numbers[status] for status in (RIGHT, WRONG, UNPARSED) if numbers[status]}
    metric = metrics.METRICS[cell.task.metric](gold, read, num_labels=len(cell.task.labels))
    scored = f"{cell.task.metric.replace('_', '-')} {100 * metric.value:.1f} %"
    return f"run {cell} {facts.key[:12]}: {', '.join(about)}; {scored} as read by {reader}; {counts(found)}"


def _labels(task: Task, matrix: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    return [
        {"label": name, "rows": of_one.gold, "read": of_one.read, "right": of_one.right,
         **{what: None if (share := getattr(of_one, what)) is None else round(share, 4)
            for what in ("precision", "recall", "f1")}}
        for name, of_one in zip(task.label_names, of_labels(matrix), strict=True)
    ]  # fmt: skip


def _confusions(task: Task, matrix: Sequence[Sequence[int]]) -> ViewPart:
    """Returns the confusion matrix; of many labels only what is taken for what, the most frequent first."""
    answers = [*task.label_names, UNPARSED]
    if len(task.labels) <= _MOST_COLUMNS:
        shown = [place for place in range(len(answers)) if place < len(task.labels) or any(row[-1] for row in matrix)]
        rows: list[Row] = [
            {"number": number + 1, "gold": name, **{answers[place]: row[place] for place in shown}}
            for number, (name, row) in enumerate(zip(task.label_names, matrix, strict=True))
        ]
        headings = {name: str(number + 1) for number, name in enumerate(task.label_names)} | {"number": ""}
        return ViewPart(title="confusions: gold labels in rows, answers by number", rows=rows, headings=headings)
    pairs = [
        (number, name, answer)
        for name, row in zip(task.label_names, matrix, strict=True)
        for answer, number in zip(answers, row, strict=True)
        if number and name != answer
    ]
    rows = [{"gold": name, "answer": answer, "rows": number} for number, name, answer in sorted(pairs, reverse=True)]
    return ViewPart(title="confusions", rows=rows[:_MOST_COLUMNS])
