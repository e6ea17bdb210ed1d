"""Logistic regression over features of texts, as the linear student and the probe fit it.

Here: the fit, and log-probabilities over all labels of a task. Not here: features.

Shape letters: N texts, F features, L labels of the task.
"""

import warnings
from collections.abc import Sequence
from typing import Any

#: Log-probability of a label that the draw does not hold: finite, so that it can be stored, averaged and compared.
ABSENT = -27.631021115928547  # log(1e-12)


def fit(features_NF: Any, labels: Sequence[int], *, c: float, max_iterations: int) -> Any:
    """Returns scikit-learn's multinomial logistic regression with an L2 penalty.

    Args:
        features_NF: Dense or sparse, float64.
        labels: Ids, at least two different ones.
        c: Inverse strength of the penalty.
        max_iterations: Most L-BFGS iterations; whether they were enough stands in `n_iter_`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    regression = LogisticRegression(C=c, max_iter=max_iterations)
    # One thread: sums are then taken in the same order on every machine, and small fits are faster too.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told in the details instead
        regression.fit(features_NF, labels)
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
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), np.errstate(divide="ignore"):  # log(0) becomes ABSENT below
        logp_NL = regression.predict_log_proba(features_NF)
    scores = np.full((features_NF.shape[0], num_labels), ABSENT)
    scores[:, regression.classes_] = np.maximum(logp_NL, ABSENT)
    found: list[list[float]] = scores.tolist()
    return found
