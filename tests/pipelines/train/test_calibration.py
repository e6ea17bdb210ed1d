"""calibrate: the bias is of the seeds alone, it is in the key of the runs that have one, and predict adds it."""

import math
from pathlib import Path
from typing import Any

import pytest
import trained
from scripted import World, add_data, add_import, world

from sdc.errors import UsageError
from sdc.pipelines import sample, train
from sdc.pipelines.predict import predictors
from sdc.pipelines.records import run_record
from sdc.pipelines.records.draws import Draw, draws_of
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.stage import Outcome
from sdc.pipelines.students import FinetuneConfig, LinearConfig, LoraConfig
from sdc.pipelines.train import TrainConfig, calibration


@pytest.fixture
def small(tmp_path: Path) -> World:
    """A world with 20 human rows of each label, and 60 synthetic ones that make label 1 likely."""
    made = world(tmp_path)
    made.train = add_data(made.store, made.cell, trained.rows(num=40))
    return made


def _draws(small: World, source: str = "seeds+synthetic", **settings: Any) -> list[Draw]:
    found = trained.rows(num=40)
    texts = add_import(
        small.store, small.cell, [(f"{text} {text}", label) for text, label in found if label or "film" in text]
    )
    from_human: dict[str, Any] = {"seeds_from": "human", "per_label": 5} if "seeds" in source else {}
    config = SampleConfig(source=source, sizes=("all",), repeats=1, **from_human, **settings)
    human = small.train if config.needs_human else None
    outcome = sample.run(small.context, config, small.cell, examples=texts, human=human)
    return draws_of(small.context, small.get(outcome))


def _train(small: World, draws: list[Draw], calibrate: str) -> Outcome:
    config = TrainConfig(student=LinearConfig(), calibrate=calibrate)
    (outcome,) = train.run(small.context, config, small.cell, draws=draws, test=small.test)
    return outcome


def test_the_mean_share_is_that_of_the_seeds() -> None:
    scores = [[math.log(p), math.log(1 - p)] for p in (0.9, 0.8, 0.7, 0.3)]
    labels = [0, 0, 1, 1]
    found = calibration.bias(scores, labels, ridge=1e-9)
    odds = [math.exp(a - b + found[0] - found[1]) for a, b in scores]
    assert sum(o / (1 + o) for o in odds) / 4 == pytest.approx(0.5, abs=1e-4)
    assert sum(found) == pytest.approx(0)
    pulled = calibration.bias(scores, labels, ridge=0.2)
    assert found[0] < pulled[0] < 0


def test_a_calibrated_run_has_another_key_and_a_bias_and_the_others_stay(small: World) -> None:
    draws = _draws(small)
    plain, made = _train(small, draws, "none"), _train(small, draws, "auto")
    assert plain.key != made.key
    assert "bias" not in plain.summary
    assert made.summary["calibrated_on"] == 10
    assert made.summary["bias"][0] > 0.05  # label 1 has far more rows
    assert _train(small, draws, "auto").hit
    only = _draws(small, "synthetic")
    assert _train(small, only, "none").key == _train(small, only, "auto").key


def test_predict_says_what_the_store_says(small: World) -> None:
    record = run_record.find(small.context, _train(small, _draws(small, seed_weight=3.0), "auto").key)
    stored = small.store.query(
        "select e.text, o.scores from outputs o join examples e on e.key = ? and e.idx = o.idx where o.key = ?",
        [small.test.key, record.artifact.key],
    )
    for _ in ("made again", "kept"):
        with predictors.of_run(small.context, record, base=None, keep_weights=True) as predictor:
            answers = predictor.answers([text for text, _ in stored])
        assert [row["scores"] for row in answers] == [pytest.approx(scores, abs=1e-4) for _, scores in stored]


def test_a_bias_is_of_seeds_alone_and_no_test_row_changes_it(small: World) -> None:
    draws = _draws(small)
    first = _train(small, draws, "auto")
    skewed = add_data(small.store, small.cell, [(f"{text}!", 0) for text, _ in trained.rows(num=30)], split="test")
    config = TrainConfig(student=LinearConfig(), calibrate="auto")
    (other,) = train.run(small.context, config, small.cell, draws=draws, test=skewed)
    assert other.summary["bias"] == first.summary["bias"]


def test_auto_is_for_two_labels_seeds_and_quick_students(small: World) -> None:
    (draw,) = _draws(small)
    (without,) = _draws(small, "synthetic")
    number = calibration.num_seeds
    assert number("auto", LinearConfig(), draw, num_labels=2) == 10
    assert number("auto", LinearConfig(), draw, num_labels=3) == 0
    assert number("auto", LinearConfig(), without, num_labels=2) == 0
    assert number("auto", FinetuneConfig(), draw, num_labels=2) == 0
    assert number("seeds", FinetuneConfig(), draw, num_labels=2) == 10
    with pytest.raises(UsageError, match="lora cannot be calibrated"):
        number("seeds", LoraConfig(), draw, num_labels=2)
    with pytest.raises(UsageError, match="0 seeds beside other rows"):
        number("seeds", LinearConfig(), without, num_labels=2)
    with pytest.raises(UsageError, match="unknown 'x'"):
        TrainConfig(calibrate="x")
