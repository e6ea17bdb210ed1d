"""Macro-F1 over the task's labels, and as the released script computes it.

Array legend: B bootstrap samples, N test rows, R runs, L labels, W the columns of a run: hits (L), read (L) and, where
that is a class, unparsed (1).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sdc.cache.key import derive_seed
from sdc.pipelines.metrics.interval import NUM_BOOTSTRAP, Estimate
from sdc.pipelines.metrics.labels import Labels, as_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Columns that are multiplied at once: more are no faster.
_MOST_COLUMNS = 256


def macro_f1(gold: Labels, predicted: Labels, *, num_labels: int) -> Estimate:
    """Returns the unweighted mean of the F1 of the task's labels, with a 95 % bootstrap interval over test rows.

    Unparsed rows (None) are misses of their gold label and never a class of their own. A label that is neither in the
    gold labels nor read has no F1 and is left out; one that is read but not in the gold labels has 0. This is
    scikit-learn's `f1_score(average="macro", labels=range(num_labels), zero_division=nan)`.

    Range: 0 to 1, higher is better. Degenerate case: 0 if every row is unparsed. The bootstrap draws test rows with
    replacement from a fixed seed, so the same answers always give the same interval.

    Source: the paper, section 3 (sarcasm); B. Efron (1979), Bootstrap methods, Annals of Statistics 7.

    >>> round(macro_f1([0, 0, 1, 1], [0, 0, 1, None], num_labels=2).value, 4)  # F1 of 1 and 2/3
    0.8333
    """
    return _estimate(gold, predicted, num_labels=num_labels, unparsed_is_a_class=False)


def macro_f1_paper_code(gold: Labels, predicted: Labels, *, num_labels: int) -> Estimate:
    """Returns the macro-F1 of the released script, in which unparsed (-1) is one more class, whose F1 is 0 (defect B3).

    Range: 0 to 1. Degenerate case: equal to `macro_f1` if nothing is unparsed; one unparsed row in a perfect binary run
    takes it to about 0.667.

    Source: the paper's public repository, main.py, `evaluate_results_llm`.

    >>> round(macro_f1_paper_code([0, 0, 1, 1], [0, 0, 1, None], num_labels=2).value, 4)  # F1 of 1, 2/3 and 0
    0.5556
    """
    return _estimate(gold, predicted, num_labels=num_labels, unparsed_is_a_class=True)


def f1_on_resamples(
    gold: Labels,
    predictions: Sequence[Labels],
    times_BN: "NDArray[Any]",
    *,
    num_labels: int,
    unparsed_is_a_class: bool = False,
) -> "NDArray[Any]":
    """Returns the macro-F1 of R runs on each of B samples of the test rows, (R, B) float64.

    Args:
        gold: Gold labels.
        predictions: Read labels of each run, None or -1 for unparsed.
        times_BN: How often each row is in each sample, float32; no sample may be empty.
        num_labels: Labels of the task.
        unparsed_is_a_class: As the released script has it.

    >>> import numpy as np
    >>> f1_on_resamples([0, 1], [[0, 0]], np.array([[1, 1], [2, 0]], dtype=np.float32), num_labels=2).round(3).tolist()
    [[0.333, 1.0]]
    """
    import numpy as np  # 0.17 s: only when something is computed

    labels_L = np.arange(num_labels)
    is_gold_NL = as_array(gold)[:, None] == labels_L
    gold_BL = times_BN @ is_gold_NL.astype(np.float32)  # small whole numbers: exact, and twice as fast

    def of_part(part: Sequence[Labels]) -> "NDArray[Any]":
        read_NR1 = np.stack([as_array(predicted) for predicted in part], axis=1)[:, :, None]
        is_read_NRL = read_NR1 == labels_L
        unparsed_NR1 = (read_NR1 == -1) if unparsed_is_a_class else is_read_NRL[:, :, :0]
        weights_NRW = np.concatenate([is_gold_NL[:, None] & is_read_NRL, is_read_NRL, unparsed_NR1], axis=2)
        counts_BW = times_BN @ weights_NRW.reshape(len(weights_NRW), -1).astype(np.float32)
        counts_BRW = counts_BW.reshape(len(times_BN), len(part), -1)
        hits_BRL, read_BRL, unparsed_BR1 = np.split(counts_BRW, [num_labels, 2 * num_labels], axis=2)
        total_BRL = gold_BL[:, None] + read_BRL
        f1_BRL = np.divide(2 * hits_BRL, total_BRL, out=np.zeros(total_BRL.shape), where=total_BRL > 0)
        num_classes_BR = (total_BRL > 0).sum(axis=2) + (unparsed_BR1 > 0).sum(axis=2)
        return np.asarray(f1_BRL.sum(axis=2) / num_classes_BR).T

    size = max(1, _MOST_COLUMNS // (2 * num_labels + unparsed_is_a_class))
    parts = [of_part(predictions[at : at + size]) for at in range(0, len(predictions), size)]
    return np.concatenate([np.zeros((0, len(times_BN))), *parts])


def macro_f1_of_many(gold: Labels, predictions: Sequence[Labels], *, num_labels: int) -> list[Estimate]:
    """Returns the `macro_f1` of each of many runs on the same test rows, in half the time.

    >>> [round(found.value, 4) for found in macro_f1_of_many([0, 1], [[0, 1], [1, 0]], num_labels=2)]
    [1.0, 0.0]
    """
    return _estimates(gold, predictions, num_labels=num_labels, unparsed_is_a_class=False)


def _estimate(gold: Labels, predicted: Labels, *, num_labels: int, unparsed_is_a_class: bool) -> Estimate:
    (found,) = _estimates(gold, [predicted], num_labels=num_labels, unparsed_is_a_class=unparsed_is_a_class)
    return found


def _estimates(
    gold: Labels, predictions: Sequence[Labels], *, num_labels: int, unparsed_is_a_class: bool
) -> list[Estimate]:
    import numpy as np

    def f1(times_BN: "NDArray[Any]") -> "NDArray[Any]":
        return f1_on_resamples(
            gold, predictions, times_BN, num_labels=num_labels, unparsed_is_a_class=unparsed_is_a_class
        )

    lows, highs = np.percentile(f1(_resamples(len(gold)).astype(np.float32)), [2.5, 97.5], axis=1).tolist()
    values = f1(np.ones((1, len(gold)), dtype=np.float32))[:, 0].tolist()
    return [Estimate(value=value, low=low, high=high) for value, low, high in zip(values, lows, highs, strict=True)]


@lru_cache(maxsize=16)
def _resamples(num_rows: int) -> "NDArray[Any]":
    """Returns how often each row occurs in each bootstrap sample, (B, N) uint8: none does so often as 255 times.

    All runs on one test share the samples: it saves most of the time, and makes their intervals comparable. An
    experiment goes from test to test and comes back.
    """
    import numpy as np

    rows_BN = np.random.default_rng(derive_seed(0, "bootstrap")).integers(0, num_rows, size=(NUM_BOOTSTRAP, num_rows))
    rows_BN += np.arange(NUM_BOOTSTRAP)[:, None] * num_rows
    times = np.bincount(rows_BN.ravel(), minlength=NUM_BOOTSTRAP * num_rows)
    return times.reshape(NUM_BOOTSTRAP, num_rows).astype(np.uint8)
