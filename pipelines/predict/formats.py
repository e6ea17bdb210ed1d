"""How predictions are written: JSON lines, CSV, or nothing but labels.

Here: predictions to columns, and to text, batch by batch. Not here: what stands in them (`predict.py`).
"""

from collections.abc import Iterable, Iterator, Sequence

from sdc.errors import UsageError, one_of
from sdc.pipelines.predict import Prediction
from sdc.pipelines.tasks import Task
from sdc.pipelines.text import visible
from sdc.pipelines.text.folding import one_line

FORMATS = ("jsonl", "csv", "lines")
_DIGITS = 6


def check(name: str) -> None:
    """Raises a UsageError if there is no such format."""
    if name not in FORMATS:
        raise UsageError(f"unknown format {name[:80]!r}", "--format", one_of(name[:80], FORMATS))


def write(batches: Iterable[Sequence[Prediction]], task: Task, name: str, *, csv_safe: bool = False) -> Iterator[str]:
    """Yields the text of every batch; one line per row, in CSV after a header.

    `jsonl` has an object per row: `idx` from 0, `text`, `label`, `probability`, `reason`, `probabilities` by label
    name, and `reply` where the model answers in words. `csv` has the same in columns, with `p_LABEL` for the
    probabilities (a text with line breaks takes several lines). `lines` has the label alone, and an empty line where
    there is none.
    """
    if name == "csv":
        yield visible.as_csv([columns(task)], safe=csv_safe)
    start = 0
    for batch in batches:
        if name == "lines":
            yield "".join(one_line(_label(row, task) or "") + "\n" for row in batch)
        elif name == "csv":
            yield visible.as_csv([cells(start + i, row, task) for i, row in enumerate(batch)], safe=csv_safe)
        else:
            yield "".join(_json(start + i, row, task) + "\n" for i, row in enumerate(batch))
        start += len(batch)


def _label(row: Prediction, task: Task) -> str | None:
    return None if row.label is None else task.label_names[row.label]


def _probability(row: Prediction) -> float | None:
    return None if row.label is None or row.probabilities is None else round(row.probabilities[row.label], _DIGITS)


def _json(idx: int, row: Prediction, task: Task) -> str:
    named = None
    if row.probabilities is not None:
        named = {name: round(p, _DIGITS) for name, p in zip(task.label_names, row.probabilities, strict=True)}
    record = {"idx": idx, "text": row.text, "label": _label(row, task), "probability": _probability(row),
              "reason": row.reason, "probabilities": named}  # fmt: skip
    if row.reply is not None:
        record["reply"] = row.reply
    return visible.as_json(record)


def columns(task: Task) -> list[str]:
    """Returns the names of the columns of predictions: `p_LABEL` is the probability of a label."""
    return ["idx", "text", "label", "probability", "reason", *(f"p_{label}" for label in task.label_names)]


def cells(idx: int, row: Prediction, task: Task) -> list[object]:
    """Returns what stands in those columns for a row; None where there is nothing."""
    shares = [round(p, _DIGITS) for p in row.probabilities] if row.probabilities else [None] * len(task.labels)
    return [idx, row.text, _label(row, task), _probability(row), row.reason, *shares]
