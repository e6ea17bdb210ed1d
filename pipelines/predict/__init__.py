"""predict: a run or an exported folder classifies texts as they come, in the order of the input.

Here: batches, labels, probabilities, reasons. Not here: where texts come from (`input.py`), what answers
(`predictors.py`), how predictions are written (`formats.py`).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sdc.pipelines import readers
from sdc.pipelines.predict.input import Row
from sdc.pipelines.predict.predictors import Predictor
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


def run(predictor: Predictor, rows: Iterable[Row], *, batch_rows: int = BATCH_ROWS) -> Iterator[list[Prediction]]:
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


def softmax(scores: Sequence[float]) -> tuple[float, ...]:
    """Returns probabilities that sum to 1; of log-probabilities these are the probabilities themselves.

    A score that is not finite has probability 0.

    >>> softmax([0.0, 0.0]), softmax([1000.0, float("-inf")])
    ((0.5, 0.5), (1.0, 0.0))
    """
    most = max(score for score in scores if math.isfinite(score))
    powers = [math.exp(score - most) if math.isfinite(score) else 0.0 for score in scores]
    return tuple(power / sum(powers) for power in powers)
