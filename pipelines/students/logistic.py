"""Logistic regression over features of texts, as the linear student and the probe fit it.

Here: the fit, over features or over rows, and log-probabilities over all labels of a task. Not here: features.

Shape letters: N texts, F features, L labels of the task, K labels that the draw holds (1 where it holds two).
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

#: Log-probability of a label that the draw does not hold: finite, so that it can be stored, averaged and compared.
ABSENT = -27.631021115928547  # log(1e-12)
#: With more rows, steps over the products of all rows are dearer than steps over sparse features: measured, 10 labels.
_MOST_ROWS = 800
#: On the diagonal of the rows' products, whose entries are 1, so that equal rows have a root, too.
_JITTER = 1e-10
#: Largest part of the gradient where a fit ends. At scikit-learn's 1e-4, scores of 1,000 rows are off by up to 0.3.
_TOLERANCE = 1e-10


def fit(
    features_NF: Any, labels: Sequence[int], *, c: float, max_iterations: int, weights: Sequence[float] | None = None
) -> Any:
    """Returns scikit-learn's multinomial logistic regression with an L2 penalty.

    Args:
        features_NF: Dense or sparse, float64.
        labels: Ids, at least two different ones.
        c: Inverse strength of the penalty.
        max_iterations: Most L-BFGS iterations; whether they were enough stands in `n_iter_`.
        weights: What each row counts in the loss; None: 1.
    """
    with _one_thread():
        return _fit(features_NF, labels, weights, C=c, max_iter=max_iterations)


def fit_sparse(
    features_NF: Any, labels: Sequence[int], *, c: float, max_iterations: int, weights: Sequence[float] | None = None
) -> Any:
    """Returns the regression of `fit` at its optimum: log-probabilities are right to about 1e-6.

    Where features are many and rows few, it is looked for in the space that the rows span, which holds it: the
    coefficients are sums of rows. With the root of the rows' products for features, N instead of F, neither
    predictions nor the length of the coefficients, which is penalised, change; the intercept is a number of its own in
    both.

    Args:
        features_NF: Sparse, float64; rows of length 1, or 0 where a text has no feature.
        labels: Ids, at least two different ones.
        c: Inverse strength of the penalty.
        max_iterations: Most Newton steps; whether they were enough stands in `n_iter_`.
        weights: What each row counts in the loss; None: 1.
    """
    from scipy.linalg import cholesky, solve_triangular

    how = {"C": c, "max_iter": max_iterations, "solver": "newton-cg", "tol": _TOLERANCE}
    num_rows, num_features = features_NF.shape
    with _one_thread():
        if num_rows > min(num_features, _MOST_ROWS):
            return _fit(features_NF, labels, weights, **how)
        products_NN = (features_NF @ features_NF.T).toarray()
        products_NN.flat[:: num_rows + 1] += _JITTER
        root_NN = cholesky(products_NN, lower=True)
        regression = _fit(root_NN, labels, weights, **how)
        of_rows_NK = solve_triangular(root_NN, regression.coef_.T, lower=True, trans="T")
    regression.coef_ = (features_NF.T @ of_rows_NK).T
    regression.n_features_in_ = num_features
    return regression


@contextmanager
def _one_thread() -> Iterator[None]:
    """Gives one thread: sums are then taken in the same order on every machine, and small fits are faster, too."""
    with _threads().limit(limits=1):
        yield


@cache
def _threads() -> "ThreadpoolController":
    """Returns what sets the threads of all libraries that a fit uses; finding them takes longer than a small fit."""
    import scipy.linalg  # noqa: F401 (only what is loaded is found)
    import sklearn.linear_model  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _fit(features: Any, labels: Sequence[int], weights: Sequence[float] | None, **settings: Any) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(**settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told in the details instead
        warnings.filterwarnings("ignore", "Line Search failed")  # no step is better: that is as near as numbers come
        regression.fit(features, labels, sample_weight=weights)
    return regression


def details(regression: Any, *, max_iterations: int) -> dict[str, Any]:
    """Returns what is worth knowing about a fit."""
    iterations = int(regression.n_iter_.max())
    return {
        "features": int(regression.coef_.shape[1]),
        "labels": len(regression.classes_),
        "iterations": iterations,
        "converged": iterations < max_iterations,
        "parameters": int(regression.coef_.size + regression.intercept_.size),
    }


def tensors(regression: Any) -> dict[str, Any]:
    """Returns what `of_tensors` makes a regression of, as safetensors keeps it."""
    import numpy as np

    return {
        "coefficients": np.ascontiguousarray(regression.coef_),
        "intercepts": np.ascontiguousarray(regression.intercept_),
        "labels": np.asarray(regression.classes_, dtype=np.int64),
    }


def of_tensors(found: dict[str, Any], *, num_labels: int) -> Any:
    """Returns a fitted regression over some of `num_labels` labels.

    Raises:
        ValueError, KeyError: A tensor is missing, holds a number that is none, or does not fit the others.
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    bad = sorted(name for name, tensor in found.items() if not np.isfinite(tensor).all())
    if bad:
        raise ValueError(f"{', '.join(bad)} are not finite")
    ids = found["labels"].tolist()
    if found["labels"].ndim != 1 or ids != sorted(set(ids)) or not all(0 <= label < num_labels for label in ids):
        raise ValueError(f"the labels of the weights are not {num_labels} ids from 0")
    rows = len(ids) if len(ids) > 2 else 1
    if len(ids) < 2 or found["coefficients"].shape[:-1] != (rows,) or found["intercepts"].shape != (rows,):
        raise ValueError("the tensors do not belong together")
    regression = LogisticRegression()
    regression.coef_, regression.intercept_ = found["coefficients"], found["intercepts"]
    regression.classes_ = found["labels"]
    return regression


def log_probabilities(regression: Any, features_NF: Any, *, num_labels: int) -> list[list[float]]:
    """Returns log-probabilities; `ABSENT` for labels that the draw did not hold, and never below it."""
    import numpy as np

    with _one_thread(), np.errstate(divide="ignore"):  # log(0) becomes ABSENT below
        logp_NL = regression.predict_log_proba(features_NF)
    scores = np.full((features_NF.shape[0], num_labels), ABSENT)
    scores[:, regression.classes_] = np.maximum(logp_NL, ABSENT)
    found: list[list[float]] = scores.tolist()
    return found
