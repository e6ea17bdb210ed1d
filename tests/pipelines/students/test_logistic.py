"""The regression over rows is the one over features: same optimum, same coefficients, an intercept that is free."""

from typing import Any

import pytest

from sdc.pipelines.students import logistic


def _rows(number: int, num_features: int, *, num_labels: int, seed: int = 3) -> tuple[Any, list[int]]:
    """Returns sparse rows of length 1, two of them equal and one empty, and labels, most of them 0."""
    import numpy as np
    from scipy.sparse import csr_array
    from sklearn.preprocessing import normalize

    random = np.random.default_rng(seed)
    rows = random.random((number, num_features)) * (random.random((number, num_features)) < 0.2)
    rows[-3], rows[-2] = 0, rows[-1]
    labels = np.where(random.random(number) < 0.6, 0, random.integers(0, num_labels, number))
    labels[:num_labels] = np.arange(num_labels)
    return csr_array(normalize(rows)), labels.tolist()


def _over_features(rows: Any, labels: list[int]) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=10, tol=1e-13, solver="newton-cholesky").fit(rows.toarray(), labels)


@pytest.mark.parametrize("num_labels", [2, 5])
@pytest.mark.parametrize(("number", "num_features"), [(60, 400), (150, 40)], ids=["few rows", "few features"])
def test_it_is_the_optimum_over_features(number: int, num_features: int, num_labels: int) -> None:
    rows, labels = _rows(number, num_features, num_labels=num_labels)
    expected = _over_features(rows, labels)
    found = logistic.fit_sparse(rows, labels, c=10, max_iterations=1000)
    assert found.coef_ == pytest.approx(expected.coef_, abs=1e-5)
    assert found.intercept_ == pytest.approx(expected.intercept_, abs=1e-5)
    more, _ = _rows(50, num_features, num_labels=num_labels, seed=4)
    for got, wanted in zip(
        logistic.log_probabilities(found, more, num_labels=num_labels), expected.predict_log_proba(more), strict=True
    ):
        assert got == pytest.approx(wanted.tolist(), abs=1e-6)
    assert logistic.details(found, max_iterations=1000)["features"] == num_features


def test_rows_are_the_unknowns_where_they_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[tuple[int, int]] = []
    fit = logistic._fit

    def watched(features: Any, *others: Any, **settings: Any) -> Any:
        fitted.append(features.shape)
        return fit(features, *others, **settings)

    monkeypatch.setattr(logistic, "_fit", watched)
    monkeypatch.setattr(logistic, "_MOST_ROWS", 100)
    for number, num_features in ((60, 400), (150, 40), (120, 400)):
        logistic.fit_sparse(*_rows(number, num_features, num_labels=3), c=10, max_iterations=1000)
    assert fitted == [(60, 60), (150, 40), (120, 400)]


def test_steps_that_were_too_few_are_told() -> None:
    rows, labels = _rows(60, 400, num_labels=3)
    short = logistic.fit_sparse(rows, labels, c=10, max_iterations=1)
    assert not logistic.details(short, max_iterations=1)["converged"]
    whole = logistic.fit_sparse(rows, labels, c=10, max_iterations=1000)
    assert logistic.details(whole, max_iterations=1000)["converged"]
