import json
import math
from pathlib import Path

import pytest

from sdc.errors import EngineError, UsageError
from sdc.pipelines.students.linear import LinearConfig, LinearStudent
from sdc.pipelines.students.logistic import ABSENT
from sdc.pipelines.students.protocol import FitFailed, Seeds

SEEDS = Seeds(init=1, order=1)
TEXTS = ["good film", "fine music", "very good", "bad film", "poor music", "very bad"]
LABELS = [0, 0, 0, 1, 1, 1]


def test_it_learns_and_scores_are_log_probabilities() -> None:
    fitted = LinearStudent(LinearConfig()).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    scores = fitted.scores(["a good one", "so bad"])
    assert [row.index(max(row)) for row in scores] == [0, 1]
    assert all(sum(map(math.exp, row)) == pytest.approx(1) for row in scores)
    assert fitted.details["converged"]


def test_it_is_the_textbook_pipeline_whatever_else_was_counted_before() -> None:
    """Counting once for all fits must give what a vectorizer of the draw alone gives, at scikit-learn's own optimum."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
    regression = LogisticRegression(C=10, max_iter=1000, tol=1e-10).fit(vectorizer.fit_transform(TEXTS), LABELS)
    test = ["unseen words", "GOOD film", "bad"]
    expected = regression.predict_log_proba(vectorizer.transform(test))

    student = LinearStudent(LinearConfig())
    student.prepare(["zebra", *TEXTS, "aardvark"])
    fitted = student.fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    for got, wanted in zip(fitted.scores(test), expected.tolist(), strict=True):
        assert got == pytest.approx(wanted, abs=1e-6)


def test_ngrams_of_one_row_count_in_small_draws_only() -> None:
    small = LinearStudent(LinearConfig(min_df=0.0)).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    large = LinearStudent(LinearConfig(min_df=0.3)).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    assert large.details["features"] < small.details["features"]


def test_labels_that_the_draw_lacks_have_a_finite_score_that_never_wins() -> None:
    fitted = LinearStudent(LinearConfig()).fit(TEXTS, [3 * label for label in LABELS], num_labels=5, seeds=SEEDS)
    for row in fitted.scores(TEXTS):
        assert [row[i] for i in (1, 2, 4)] == [ABSENT] * 3
        assert row.index(max(row)) in (0, 3)
        assert min(row) >= ABSENT


def test_its_version_is_in_its_identity() -> None:
    assert LinearStudent(LinearConfig(c=3)).identity() == {"c": 3, "linear": 2}


def test_seeds_change_nothing() -> None:
    student = LinearStudent(LinearConfig())
    one, two = (student.fit(TEXTS, LABELS, num_labels=2, seeds=Seeds(init=n, order=n)).scores(TEXTS) for n in (1, 2))
    assert one == two
    assert not student.seeded


@pytest.mark.parametrize(
    ("texts", "labels", "reason"),
    [(TEXTS[:3], LABELS[:3], "fewer than two labels"), ([" ", "\t"], [0, 1], "no characters")],
)
def test_a_draw_that_allows_no_fit_is_a_failed_run(texts: list[str], labels: list[int], reason: str) -> None:
    with pytest.raises(FitFailed, match=reason):
        LinearStudent(LinearConfig()).fit(texts, labels, num_labels=2, seeds=SEEDS)


def test_saved_weights_give_the_same_scores_and_hold_no_pickle(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import load_file
    from sklearn.feature_extraction.text import CountVectorizer

    texts, labels = [*TEXTS, "so so", "it was so so"], [*LABELS, 2, 2]
    fitted = LinearStudent(LinearConfig()).fit(texts, labels, num_labels=3, seeds=SEEDS)
    test = ["good rain", "it was a bad film"]
    expected = fitted.scores(test)  # new n-grams: the positions among all counted n-grams move
    fitted.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["linear.json", "linear.safetensors"]

    saved, tensors = (
        json.loads((tmp_path / "linear.json").read_text("utf-8")),
        load_file(tmp_path / "linear.safetensors"),
    )
    counter = CountVectorizer(analyzer="char_wb", ngram_range=(1, 4), vocabulary=saved["ngrams"])
    counts = counter.transform(test).toarray()
    weights = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * tensors["idf"]
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    logits = weights @ tensors["coefficients"].T + tensors["intercepts"]
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    for row, wanted in zip(logits.tolist(), expected, strict=True):
        assert row == pytest.approx(wanted, abs=1e-9)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UsageError):
        LinearConfig(c=0)


@pytest.mark.parametrize("wrong", [["not"], 3, "goo"])
def test_saved_weights_with_other_ngrams_are_refused(tmp_path: Path, wrong: object) -> None:
    LinearStudent(LinearConfig()).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS).save(tmp_path)
    about = json.loads((tmp_path / "linear.json").read_text("utf-8"))
    about["ngrams"][:2] = [wrong, wrong]
    (tmp_path / "linear.json").write_text(json.dumps(about), "utf-8")
    with pytest.raises(EngineError, match="cannot read the weights"):
        LinearConfig().load(tmp_path, name="run", student=lambda: LinearStudent(LinearConfig()))


@pytest.mark.parametrize(("idf", "said"), [(0.0, "no weight"), (None, "do not belong together")])
def test_saved_weights_with_another_idf_are_refused(tmp_path: Path, idf: float | None, said: str) -> None:
    import numpy as np
    from safetensors.numpy import load_file, save_file

    LinearStudent(LinearConfig()).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS).save(tmp_path)
    tensors = load_file(tmp_path / "linear.safetensors")
    tensors["idf"] = tensors["idf"][1:].copy() if idf is None else np.full_like(tensors["idf"], idf)
    save_file(tensors, tmp_path / "linear.safetensors")
    with pytest.raises(EngineError, match=said):
        LinearConfig().load(tmp_path, name="run", student=lambda: LinearStudent(LinearConfig()))
