"""calibrate: one bias per label for a student, fitted on the seed rows of its draw, and on nothing else.

A student of synthetic rows may like one label too much on human texts. Each seed is scored by a student that has not
seen it, and the bias makes the mean predicted share of each label that of the seeds.

Here: which runs are calibrated, and the bias. Not here: what a student with a bias says (`students/calibrated.py`).

Shape letters: S seeds, L labels.
"""

from collections.abc import Sequence
from typing import Any

from sdc.errors import UsageError
from sdc.pipelines.progress import Counter, Progress, part, silent
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.students.calibrated import Calibrated
from sdc.pipelines.students.protocol import FitFailed, FitJob, Fitted, Student, StudentConfig

MODES = ("none", "auto", "seeds")
#: Part of the keys of calibrated runs.
VERSION = 1
#: A seed is scored by a student of all rows but those of its fold.
_FOLDS = 5
#: Pull of the bias to 0, per label: twenty seeds say little. The measured range 0.02 to 0.2 is flat.
_RIDGE = 0.1


def num_seeds(mode: str, student: StudentConfig, draw: Draw, *, num_labels: int) -> int:
    """Returns how many seed rows the run on a draw is calibrated on; 0: it is not.

    Args:
        mode: `none`; `auto`: tasks of two labels, draws with seeds beside other rows, students that fit in less than a
            second, since each run takes five more fits; `seeds`: every draw.
        student: What is fitted.
        draw: Its first rows are the seeds.
        num_labels: Of the task.

    Raises:
        UsageError: `seeds` is asked for, and the student cannot be calibrated or the draw has too few seeds.
    """
    known = draw.num_seeds or 0
    if mode == "auto":
        fits = num_labels == 2 and 2 * num_labels <= known < draw.num_rows
        return known if fits and student.can_calibrate and student.folds_are_cheap else 0
    if mode == "none":
        return 0
    if not student.can_calibrate:
        raise UsageError(f"method {student.method} cannot be calibrated", "--calibrate", "use auto, or drop it")
    if not 2 * num_labels <= known < draw.num_rows:
        what = f"a draw of {draw.source} has {known} seeds beside other rows, and {num_labels} labels need two each"
        raise UsageError(what, "--calibrate seeds", "use auto, or draws of --source seeds+synthetic")
    return known


def calibrated(
    student: Student,
    job: FitJob,
    fitted: Fitted,
    *,
    seeds: int,
    num_labels: int,
    what: str = "calibrate",
    progress: Progress = silent,
) -> Calibrated:
    """Returns a fitted student with its bias.

    Args:
        student: Fits once more for each fold of the seeds.
        job: What `fitted` was fitted on; its first rows are the seeds.
        fitted: The student of all rows.
        seeds: Number of seeds.
        num_labels: Labels of the task.
        what: What people call the run.
        progress: Hears of the steps of students that count them.

    Raises:
        FitFailed: A fit of a fold failed, or a label has a single seed.
        EngineError: As of `Student.fit`.
    """
    labels_S = job.labels[:seeds]
    scores_SL: list[list[float]] = [[]] * seeds
    several = folds(labels_S)
    for number, fold in enumerate(several):
        out = set(fold)
        kept = [i for i in range(len(job.texts)) if i not in out]
        of_rest = student.fit(
            [job.texts[i] for i in kept],
            [job.labels[i] for i in kept],
            num_labels=num_labels,
            seeds=job.seeds,
            weights=None if job.weights is None else [job.weights[i] for i in kept],
            progress=Counter(part(progress, number, len(several)), what),
        )
        for i, scores_L in zip(fold, of_rest.scores([job.texts[i] for i in fold]), strict=True):
            scores_SL[i] = scores_L
    return Calibrated(fitted, bias(scores_SL, labels_S), num_seeds=seeds)


def folds(labels: Sequence[int]) -> list[list[int]]:
    """Returns the positions of the seeds in folds that have each label alike: at most five, as many as its seeds.

    >>> folds([0, 0, 1, 1])
    [[0, 2], [1, 3]]

    Raises:
        FitFailed: A label has a single seed.
    """
    by_label: dict[int, list[int]] = {}
    for position, label in enumerate(labels):
        by_label.setdefault(label, []).append(position)
    number = min(_FOLDS, *map(len, by_label.values()))
    if number < 2:
        raise FitFailed("a label has a single seed, so there is nothing to calibrate on")
    return [sorted(i for rows in by_label.values() for i in rows[fold::number]) for fold in range(number)]


def bias(scores_SL: Sequence[Sequence[float]], labels: Sequence[int], *, ridge: float = _RIDGE) -> list[float]:
    """Returns the bias of each label, in nats; they sum to 0.

    It is the most likely one: the mean predicted share of a label is then its share of the labels less the ridge times
    its bias.

    >>> import math
    >>> row = [math.log(0.8), math.log(0.2)]
    >>> [round(value, 2) for value in bias([row, row], [0, 1], ridge=1e-9)]
    [-0.69, 0.69]

    Args:
        scores_SL: Log-probabilities of each seed, by students that have not seen it.
        labels: Label ids of the seeds.
        ridge: Pull to 0, above 0.

    Source: Guo et al. (2017), "On calibration of modern neural networks", section 4.2, bias-corrected scaling without
    a temperature; the ridge is own.
    """
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    logits_SL = np.asarray(scores_SL, dtype=np.float64)
    ids_S = np.asarray(labels)
    share_L = np.bincount(ids_S, minlength=logits_SL.shape[1]) / len(ids_S)

    def loss(bias_L: Any) -> tuple[float, Any]:
        logp_SL = log_softmax(logits_SL + bias_L, axis=1)
        value = -logp_SL[np.arange(len(ids_S)), ids_S].mean() + ridge / 2 * bias_L @ bias_L
        return float(value), np.exp(logp_SL).mean(0) - share_L + ridge * bias_L

    found_L = minimize(loss, np.zeros(logits_SL.shape[1]), jac=True, method="L-BFGS-B", options={"ftol": 0}).x
    return [float(value) for value in found_L - found_L.mean()]
