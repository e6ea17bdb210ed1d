"""predict: a run or an exported folder classifies texts as they come, in the order of the input.

Here: batches, labels, probabilities, reasons. Not here: where texts come from (`input.py`), what answers
(`predictors.py`), how predictions are written (`formats.py`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sdc.pipelines import readers
from sdc.pipelines.predict.input import InputRow
from sdc.pipelines.predict.predictors import Predictor
from sdc.pipelines.readers.softmax import softmax
from sdc.pipelines.tasks import Task

#: Rows that are read, classified and written together.
BATCH_ROWS = 32


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What became of one row.

    Args:
        text: The text.
        label: Id of the label, or None.
        probabilities: One per label; None where the run answers in words, or not at all.
        reply: What the model said, where it answers in words.
        reason: Why there is no label; None if there is one.
    """

    text: str
    label: int | None
    probabilities: tuple[float, ...] | None = None
    reply: str | None = None
    reason: str | None = None


def run(predictor: Predictor, rows: Iterable[InputRow], *, batch_rows: int = BATCH_ROWS) -> Iterator[list[Prediction]]:
    """Yields the predictions of one batch after another; the input is read no further than that.

    Args:
        predictor: What classifies.
        rows: Texts, and rows that are none; each gives one prediction.
        batch_rows: Rows per batch, at least 1.

    Raises:
        EngineError: The model does not answer.
    """
    source = iter(rows)
    while batch := list(islice(source, batch_rows)):
        good = [row.text for row in batch if row.reason is None]
        answers = iter(predictor.answers(good) if good else [])
        yield [
            Prediction(text=row.text, label=None, reason=row.reason)
            if row.reason is not None
            else _read(row.text, next(answers), predictor.task)
            for row in batch
        ]


def _read(text: str, answer: dict[str, Any], task: Task) -> Prediction:
    """Returns the prediction of an answer, with the reader that `eval` takes by itself."""
    if answer.get("reason") is not None:
        return Prediction(text=text, label=None, reason=answer["reason"])
    scores, reply = answer.get("scores"), answer.get("reply")
    reader = readers.resolve("auto", has_scores=scores is not None)
    assert reader is not None
    (label,) = readers.read(reader, task, replies=[reply], all_scores=[scores])
    if label is None:
        reason = "the reply names no label"
        if scores is not None:
            whole = len(scores) == len(task.labels)
            reason = "a score is not finite" if whole else f"{len(scores)} scores for {len(task.labels)} labels"
        return Prediction(text=text, label=None, reply=reply, reason=reason)
    return Prediction(text=text, label=label, reply=reply, probabilities=softmax(scores) if scores else None)
