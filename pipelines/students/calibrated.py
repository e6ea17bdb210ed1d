"""A fitted student with one bias per label on its scores, as `train --calibrate` fits it.

Here: adding the bias to what a student says, saying it, and keeping it beside its weights. Not here: fitting it
(`train/calibration.py`).

Shape letters: N texts, L labels.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.students.protocol import Answers, Fitted

#: Beside the weights of a student; a folder without it has no bias.
FILE = "calibration.json"


class Calibrated:
    """A fitted student whose log-probabilities are shifted by one bias per label.

    Args:
        fitted: The student, which gives scores.
        bias_L: In nats, by label id.
        num_seeds: Rows that the bias was fitted on.
    """

    def __init__(self, fitted: Fitted, bias_L: Sequence[float], *, num_seeds: int) -> None:
        self._fitted, self._bias_L = fitted, [float(value) for value in bias_L]
        self.details: Mapping[str, Any] = {**fitted.details, "bias": self._bias_L, "calibrated_on": num_seeds}

    def scores(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns the student's log-probabilities with the bias, which are log-probabilities again."""
        return [shifted(row, self._bias_L) for row in self._fitted.scores(texts)]

    def save(self, folder: Path) -> None:
        """Writes what the student writes, and `calibration.json`."""
        self._fitted.save(folder)
        (folder / FILE).write_text(json.dumps({"bias": self._bias_L}), "utf-8")


def shifted(scores_L: Sequence[float], bias_L: Sequence[float]) -> list[float]:
    """Returns log-probabilities with a bias on each label, which sum to 1 again.

    >>> [round(math.exp(score), 3) for score in shifted([math.log(0.5), math.log(0.5)], [math.log(3), 0.0])]
    [0.75, 0.25]
    """
    moved_L = [score + bias for score, bias in zip(scores_L, bias_L, strict=True)]
    top = max(moved_L)
    total = top + math.log(math.fsum(math.exp(value - top) for value in moved_L))
    return [value - total for value in moved_L]


def words(bias_L: Sequence[float], names: Sequence[str], *, seeds: int) -> str:
    """Returns a bias as people read it: what it adds to the log-odds of the label that it favours most.

    >>> words([0.155, -0.155], ["negative", "positive"], seeds=20)
    '+0.31 towards negative, from 20 seed rows'
    """
    top = max(range(len(bias_L)), key=lambda i: bias_L[i])
    others = [value for i, value in enumerate(bias_L) if i != top]
    return f"{bias_L[top] - sum(others) / len(others):+.2f} towards {names[top]}, from {seeds} seed rows"


def bias_of(folder: Path) -> list[float] | None:
    """Returns the bias that is kept in a folder with weights; None if there is none.

    Raises:
        EngineError: The file is not what `save` writes.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        bias_L = [float(value) for value in json.loads(path.read_text("utf-8"))["bias"]]
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise EngineError("the calibration cannot be read", str(path), "export or train it again") from error
    if len(bias_L) < 2 or not all(map(math.isfinite, bias_L)):
        raise EngineError("the calibration is no bias per label", str(path), "export or train it again")
    return bias_L


def answers(folder: Path, of_student: Answers) -> Answers:
    """Returns the answers of a loaded student with the bias that is kept beside its weights, if there is one.

    Raises:
        EngineError: The file is not what `save` writes.
    """
    bias_L = bias_of(folder)
    if bias_L is None:
        return of_student

    def with_bias(texts: Sequence[str]) -> list[dict[str, Any]]:
        found = of_student(texts)
        return [{**one, "scores": shifted(one["scores"], bias_L)} if one.get("scores") else one for one in found]

    return with_bias
