"""What a row counts in the loss of each student, and a bias on its scores."""

import json
import math
from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.errors import EngineError
from sdc.pipelines import tasks
from sdc.pipelines.engines import models
from sdc.pipelines.stage import Context
from sdc.pipelines.students import FinetuneConfig, LinearConfig, LoraConfig, ProbeConfig, StudentConfig, calibrated
from sdc.pipelines.students.linear import LinearStudent
from sdc.pipelines.students.protocol import Seeds, Student

SEEDS = Seeds(init=1, order=2)
TEXTS = ["good film", "the good sun", "very good rain", "bad film", "the bad sun", "fine bad music"]
LABELS = [0, 0, 0, 1, 1, 1]
UNSURE = ["fine good bad", "the fine music"]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=["linear", "probe", "finetune", "lora"])
def student(request: pytest.FixtureRequest, tmp_path: Path) -> Student:
    config: StudentConfig = LinearConfig()
    if request.param == "probe":
        config = ProbeConfig(model=str(request.getfixturevalue("bert")))
    if request.param == "finetune":
        folder = str(request.getfixturevalue("bert"))
        config = FinetuneConfig(model=folder, epochs=3, learning_rate=1e-2, batch_size=4, early_stopping=False)
    if request.param == "lora":
        config = LoraConfig(steps=6, learning_rate=5e-3, early_stopping=False)
    made = config.build(Context(store=Store(tmp_path / "store.duckdb")), tasks.load("sentiment"))
    made.prepare([*TEXTS, *UNSURE])
    return made


def _scores(student: Student, weights: list[float] | None) -> list[float]:
    fitted = student.fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS, weights=weights)
    return [score for row in fitted.scores(UNSURE) for score in row]


def test_equal_weights_are_none_and_heavier_rows_pull_scores_to_their_label(student: Student) -> None:
    usual = _scores(student, None)
    assert _scores(student, [1.0] * 6) == pytest.approx(usual, abs=1e-5)
    heavy = _scores(student, [9.0] * 3 + [1.0] * 3)
    assert heavy[0] > usual[0] + 1e-4
    assert heavy[1] < usual[1] - 1e-4


def test_a_weight_is_as_many_copies_where_the_loss_is_a_sum() -> None:
    student = LinearStudent(LinearConfig(c=1.0))
    features = student.logs(TEXTS)
    from sdc.pipelines.students import logistic

    weighted = logistic.fit_sparse(features, LABELS, c=1.0, max_iterations=1000, weights=[3.0] + [1.0] * 5)
    copies = logistic.fit_sparse(
        student.logs([TEXTS[0], TEXTS[0], *TEXTS]), [0, 0, *LABELS], c=1.0, max_iterations=1000
    )
    assert weighted.coef_ == pytest.approx(copies.coef_, abs=1e-5)


def test_a_bias_is_kept_beside_the_weights_and_scores_stay_log_probabilities(tmp_path: Path) -> None:
    student = LinearStudent(LinearConfig())
    fitted = student.fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    shifted = calibrated.Calibrated(fitted, [0.5, -0.5], num_seeds=4)
    before, after = fitted.scores(UNSURE), shifted.scores(UNSURE)
    for old, new in zip(before, after, strict=True):
        assert sum(map(math.exp, new)) == pytest.approx(1)
        assert (new[0] - new[1]) - (old[0] - old[1]) == pytest.approx(1)
    shifted.save(tmp_path)
    loaded = LinearConfig().load(tmp_path, name="x", student=lambda: student)
    again = [row["scores"] for row in calibrated.answers(tmp_path, loaded)(UNSURE)]
    assert again == [pytest.approx(row) for row in after]
    assert [row["scores"] for row in loaded(UNSURE)] == [pytest.approx(row) for row in before]


@pytest.mark.parametrize("text", ["", "[]", '{"bias": ["x"]}', '{"bias": [1]}', '{"bias": [NaN, 1]}'])
def test_a_calibration_that_is_none_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / calibrated.FILE).write_text(text)
    with pytest.raises(EngineError, match="calibration"):
        calibrated.answers(tmp_path, lambda texts: [])


def test_an_exported_transformer_has_the_bias_in_its_head(bert: Path, tmp_path: Path) -> None:
    """Other libraries, and the ONNX form, which is made from the folder, then have it, too."""
    config = FinetuneConfig(model=str(bert), epochs=1, batch_size=4, early_stopping=False, precision="fp32")
    context, task = Context(store=Store(tmp_path / "store.duckdb")), tasks.load("sentiment")
    fitted = config.build(context, task).fit(TEXTS, LABELS, num_labels=2, seeds=SEEDS)
    shifted = calibrated.Calibrated(fitted, [1.0, -1.0], num_seeds=4)
    kept, out = tmp_path / "kept", tmp_path / "out"
    kept.mkdir()
    shifted.save(kept)
    assert json.loads((kept / calibrated.FILE).read_text()) == {"bias": [1.0, -1.0]}
    config.export(kept, out, name="bert", task=task)
    assert not (out / calibrated.FILE).exists()
    answers = config.load(out, name="x", student=lambda: config.build(context, task))(UNSURE)
    assert [row["scores"] for row in answers] == [pytest.approx(row, abs=1e-4) for row in shifted.scores(UNSURE)]
    assert models.resolve(context.store, str(out)).name  # a folder that loads as any model
