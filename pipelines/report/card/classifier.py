"""auc: can a linear classifier tell synthetic rows from human ones?

Shape letters: S synthetic rows, H human rows, N = S + H, B draws.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sdc.cache.key import derive_seed
from sdc.pipelines.metrics.interval import NUM_BOOTSTRAP, Estimate
from sdc.pipelines.report.card.figure import LEAST_ROWS, Figure, Measurement
from sdc.pipelines.report.card.sides import Sides, shuffled, texts
from sdc.pipelines.text import folding

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAMES = ("auc",)
_WHAT = "classifier AUC"
_FOLDS = 5
#: As the linear student has it; no tuning, so that the figure means the same in every cell.
_MAX_NGRAM, _C = 4, 10.0
_NUM_GIVEAWAYS = 10


def auc(synthetic: Sequence[float], human: Sequence[float]) -> float:
    """Returns the share of pairs in which the synthetic row has the higher score; ties count half.

    Range: 0 to 1; 0.5 is chance, 1 tells every row. Degenerate case: 0.5 if all scores are equal.

    Source: Hanley and McNeil (1982), The meaning and use of the area under a ROC curve, Radiology 143.

    >>> auc([0.9, 0.6], [0.1, 0.6])  # 3 pairs are right, 1 is tied
    0.875
    """
    return float(_wins(synthetic, human).mean())


def measure(sides: Sides) -> Measurement:
    """Returns the AUC of a classifier of character n-grams, cross-validated on equally many rows of each label.

    Five folds, and the AUC is the mean over them, each within its own scores. The same text on both sides is in one
    fold, so that copies are neither learnt nor told apart. The interval is a bootstrap over the rows of each fold; it
    does not cover how the classifier would change with other rows. The human column is what rows of one source would
    give: the middle 95 % when synthetic and human change places at random within each fold. Within it, the two sides
    cannot be told apart by this classifier.

    Source: Lopez-Paz and Oquab (2017), Revisiting classifier two-sample tests, ICLR.
    """
    pair = sides.pair
    note = sides.too_few(LEAST_ROWS)
    if note:
        return _not_told(note)
    import numpy as np

    rows, is_ours_N = texts([*pair.synthetic, *pair.human]), np.arange(2 * len(pair.human)) < len(pair.synthetic)
    folds_N = np.asarray(_folds(rows, [label for _, label in (*pair.synthetic, *pair.human)], sides.seed))
    if min(len(set(folds_N[side])) for side in (is_ours_N, ~is_ours_N)) < _FOLDS:
        return _not_told("too few different texts on one side")
    features_NF, names = _features(rows)
    if not len(names):
        return _not_told("no two rows have a character in common")
    scores_N, giveaways = _cross_validate(features_NF, names, is_ours_N, folds_N)
    found, by_chance = _estimates(scores_N, is_ours_N, folds_N, seed=derive_seed(sides.seed, "card", "auc"))
    assert by_chance.low is not None and by_chance.high is not None
    if found.value > by_chance.high:
        note = "told apart"
    elif found.value < by_chance.low:  # the same texts on both sides, learnt from one and met on the other
        note = "below chance: many rows have near copies on the other side"
    else:
        note = "cannot be told apart"
    figure = Figure(
        name="auc", what=_WHAT, unit="score", synthetic=found, human=by_chance, note=note,
        details={"rows": len(pair.synthetic)},
    )  # fmt: skip
    return Measurement(figures=(figure,), examples=giveaways)


def _not_told(note: str) -> Measurement:
    return Measurement(figures=(Figure(name="auc", what=_WHAT, unit="score", synthetic=None, note=note),))


def _folds(rows: Sequence[str], labels: Sequence[int], seed: int) -> list[int]:
    """Returns the fold of each row: equal texts together, labels and sides spread evenly."""
    half = len(rows) // 2
    first: dict[str, tuple[int, int]] = {}  # text -> label and side of its first row
    for i, (text, label) in enumerate(zip(rows, labels, strict=True)):
        first.setdefault(folding.fold(text), (label, int(i < half)))
    order = sorted(shuffled(list(first), seed, "folds"), key=first.__getitem__)
    fold = {text: position % _FOLDS for position, text in enumerate(order)}
    return [fold[folding.fold(text)] for text in rows]


def _features(rows: Sequence[str]) -> tuple[Any, Any]:
    """Returns TF-IDF weights, (N, F) sparse, and the n-grams; they know no side, so nothing of the answer leaks."""
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    counting = CountVectorizer(analyzer="char", ngram_range=(1, _MAX_NGRAM), lowercase=False, dtype=np.float64)
    counts_NF = counting.fit_transform(rows)
    often_F = np.flatnonzero(np.bincount(counts_NF.indices, minlength=counts_NF.shape[1]) >= 2)
    weights_NF = TfidfTransformer(sublinear_tf=True).fit_transform(counts_NF[:, often_F]) if len(often_F) else counts_NF
    return weights_NF, counting.get_feature_names_out()[often_F]


def _cross_validate(
    features_NF: Any, names: "NDArray[Any]", is_ours_N: "NDArray[Any]", folds_N: "NDArray[Any]"
) -> tuple["NDArray[Any]", list[dict[str, str]]]:
    """Returns the score of each row by a classifier that has not seen it, and the n-grams that weigh most."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    scores_N, weights_F = np.zeros(len(is_ours_N)), np.zeros(len(names))
    with threadpool_limits(1):  # sums in the same order on every machine
        for fold in range(_FOLDS):
            held = folds_N == fold
            fitted = LogisticRegression(C=_C, max_iter=1000).fit(features_NF[~held], is_ours_N[~held])
            scores_N[held] = fitted.decision_function(features_NF[held])
            weights_F += fitted.coef_[0]
    share_F = np.asarray(features_NF[is_ours_N].mean(axis=0) - features_NF[~is_ours_N].mean(axis=0)).ravel()
    return scores_N, _giveaways(names, weights_F, np.abs(share_F * weights_F))


def _giveaways(names: "NDArray[Any]", weights_F: "NDArray[Any]", parts_F: "NDArray[Any]") -> list[dict[str, str]]:
    """Returns the n-grams that tell most, of each side those whose part in the scores differs most."""
    found = []
    for side, sign in (("synthetic", 1), ("human", -1)):
        best = sorted(range(len(names)), key=lambda i: (-parts_F[i] * (sign * weights_F[i] > 0), names[i]))
        found += [{"side": side, "characters": str(names[i])} for i in best[:_NUM_GIVEAWAYS]]
    return found


def _estimates(
    scores_N: "NDArray[Any]", is_ours_N: "NDArray[Any]", folds_N: "NDArray[Any]", *, seed: int
) -> tuple[Estimate, Estimate]:
    """Returns the AUC with its bootstrap interval, and what chance gives with its middle 95 %."""
    import numpy as np
    from scipy.stats import rankdata

    draw = np.random.default_rng(seed)
    values, boots_B, chance_B = [], np.zeros(NUM_BOOTSTRAP), np.zeros(NUM_BOOTSTRAP)
    for fold in range(_FOLDS):
        ours_S = scores_N[(folds_N == fold) & is_ours_N]
        theirs_H = scores_N[(folds_N == fold) & ~is_ours_N]
        wins_SH = _wins(ours_S, theirs_H)
        values.append(wins_SH.mean())
        times_BS, times_BH = (
            draw.multinomial(n, np.full(n, 1 / n), NUM_BOOTSTRAP).astype(np.float32)
            for n in (len(ours_S), len(theirs_H))
        )
        boots_B += ((times_BS @ wins_SH) * times_BH).sum(axis=1) / wins_SH.size
        ranks_N = rankdata(np.concatenate([ours_S, theirs_H]))  # equal scores have the mean of their ranks
        taken_BS = draw.permuted(np.tile(ranks_N, (NUM_BOOTSTRAP, 1)), axis=1)[:, : len(ours_S)]
        chance_B += (taken_BS.sum(axis=1) - len(ours_S) * (len(ours_S) + 1) / 2) / wins_SH.size
    low, high = np.percentile(boots_B / _FOLDS, [2.5, 97.5])
    least, most = np.percentile(chance_B / _FOLDS, [2.5, 97.5])
    return (
        Estimate(value=float(np.mean(values)), low=float(low), high=float(high)),
        Estimate(value=0.5, low=float(least), high=float(most)),
    )


def _wins(ours_S: Any, theirs_H: Any) -> "NDArray[Any]":
    import numpy as np

    difference_SH = np.asarray(ours_S)[:, None] - np.asarray(theirs_H)[None, :]
    return np.asarray((np.sign(difference_SH) + 1) / 2, dtype=np.float32)
