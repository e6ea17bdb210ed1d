"""Coverage, k-centre and weights of seeds as draws of a store: keys, what is kept, and what is never looked at."""

from pathlib import Path
from typing import Any

import pytest
import trained
from scripted import World, add_data, add_import, world

from sdc.cache.key import digest
from sdc.cache.store import Artifact
from sdc.errors import UsageError
from sdc.pipelines import sample, train
from sdc.pipelines.records import lineage, runs
from sdc.pipelines.records.draws import draws_of
from sdc.pipelines.records.examples import mark, rows_by_hash, rows_of, weighted_rows_by_hash
from sdc.pipelines.sample import inputs
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.students import LinearConfig
from sdc.pipelines.train import TrainConfig


@pytest.fixture
def small(tmp_path: Path) -> World:
    made = world(tmp_path)
    made.train = add_data(made.store, made.cell, trained.rows(num=40))
    return made


@pytest.fixture
def texts(small: World) -> Artifact:
    return add_import(small.store, small.cell, [(f"{text} {text}", label) for text, label in trained.rows(num=40)])


def draw(small: World, texts: Artifact, **settings: Any) -> Artifact:
    how = {"source": "seeds+synthetic", "seeds_from": "human", "per_label": 3, "sizes": ("4", "8", "all"), "repeats": 2}
    config = sample.configured(small.context, "paper", **{**how, **settings})
    examples, human = inputs.of(small.context, config, small.cell, texts)
    return small.get(sample.run(small.context, config, small.cell, examples=examples, human=human))


def kept(small: World, drawn: Artifact) -> list[tuple[Any, ...]]:
    return small.store.query(
        "select size, repeat, draw, members, num_seeds, seed_weight, coverage from draws where key = ? order by all",
        [drawn.key],
    )


def test_the_usual_draw_has_the_key_and_the_hash_that_it_always_had(small: World, texts: Artifact) -> None:
    """Keys of an sdc that knew neither weights nor encoders: of the fields that it had, and of the marks alone."""
    usual = draw(small, texts)
    assert set(usual.config) == {"num_labels", "sizes_up_to", "source", "seeds_from", "per_label", "sizes", "repeats"}
    for one in draws_of(small.context, usual):
        rows = rows_of(small.context, [one])[one.draw]
        assert one.draw == digest([mark(text, label) for _, text, label in rows])
        assert one.weights is None
        assert one.num_seeds == 6


def test_a_weight_makes_another_draw_of_the_same_rows(small: World, texts: Artifact) -> None:
    usual, heavy = (draws_of(small.context, draw(small, texts, seed_weight=weight)) for weight in (1.0, 3.0))
    for one, other in zip(usual, heavy, strict=True):
        assert one.draw != other.draw
        assert (one.members, one.human_members) == (other.members, other.human_members)
        assert other.weights == [3.0] * 6 + [1.0] * (other.num_rows - 6)
        rows, weights = weighted_rows_by_hash(small.context, other.draw)
        assert weights == other.weights
        assert rows == rows_by_hash(small.context, one.draw) == rows_of(small.context, [other])[other.draw]


def test_coverage_is_one_choice_for_all_repeats_and_says_what_it_holds(small: World, texts: Artifact) -> None:
    found = kept(small, draw(small, texts, strategy="coverage"))
    by_size: dict[str, set[str]] = {}
    for size, _, hashed, *_ in found:
        by_size.setdefault(size, set()).add(hashed)
    assert {size: len(hashes) for size, hashes in by_size.items()} == {"4": 1, "8": 1, "all": 1}
    shares = {size: share for size, *_, share in found}
    assert 0 < shares["4"] <= shares["8"] <= 1
    assert shares["all"] is None
    assert all(share is None for *_, share in kept(small, draw(small, texts)))


def test_kcentre_takes_any_encoder_which_is_part_of_the_key(small: World, texts: Artifact, bert: Path) -> None:
    drawn = draw(small, texts, strategy="kcentre", encoder=str(bert))
    assert len({hashed for size, _, hashed, *_ in kept(small, drawn) if size == "8"}) == 1
    assert "encoding" in drawn.config
    assert str(bert) not in str(drawn.config)
    assert draw(small, texts, strategy="kcentre", encoder=str(bert)).key == drawn.key
    assert draw(small, texts, strategy="coverage").config.get("encoding") is None


def test_nothing_is_chosen_with_test_labels(small: World, texts: Artifact) -> None:
    """A test that is the synthetic rows with their labels would tell which rows to take; no draw and no run moves."""

    def made() -> list[Any]:
        drawn = [draw(small, texts, strategy=name, seed_weight=3.0) for name in ("coverage", "balanced", "random")]
        config = TrainConfig(student=LinearConfig(), calibrate="seeds")
        found = draws_of(small.context, drawn[0])
        outcomes = train.run(small.context, config, small.cell, draws=found, test=test)
        return [*(kept(small, one) for one in drawn), [outcome.summary["bias"] for outcome in outcomes]]

    test = small.test
    before = made()
    test = add_data(small.store, small.cell, [(f"{text} {text}", 1 - label) for text, label in trained.rows(num=40)],
                    split="test")  # fmt: skip
    small.context = type(small.context)(store=small.store, force=True)
    assert made() == before


def test_another_strategy_or_weight_hides_no_other_sample(small: World, texts: Artifact) -> None:
    first, second = draw(small, texts), draw(small, texts, strategy="coverage")
    third = draw(small, texts, strategy="coverage", seed_weight=3.0)
    assert {one.key for one in lineage.newest_samples(small.context, small.cell)} == {first.key, second.key, third.key}
    assert {key for key, *_ in small.store.query(runs.NEWEST_SAMPLES)} == {first.key, second.key, third.key}
    assert lineage.named(third) == "seeds+synthetic (coverage, seeds x 3)"
    again = draw(small, texts, strategy="coverage", repeats=1)
    assert second.key not in {one.key for one in lineage.newest_samples(small.context, small.cell)}
    assert again.key in {one.key for one in lineage.newest_samples(small.context, small.cell)}


def test_the_preset_uses_the_recipe_where_a_draw_has_seeds(small: World) -> None:
    def how(preset: str, source: str, **flags: Any) -> tuple[str, float]:
        config = sample.configured(small.context, preset, source=source, **flags)
        return config.strategy, config.seed_weight

    assert how("sdc", "seeds+synthetic") == ("coverage", 3.0)
    assert how("sdc", "seeds+synthetic", strategy="balanced", seed_weight=1.0) == ("balanced", 1.0)
    assert how("sdc", "synthetic") == how("paper", "seeds+synthetic") == how("code", "seeds+synthetic")
    assert how("paper", "human") == ("balanced", 1.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"seed_weight": 0.0}, "seed weight of 0"),
        ({"seed_weight": float("nan")}, "seed weight of nan"),
        ({"seed_weight": 1e308}, "seed weight of 1e[+]308; use a number from 1e-06 to 1e[+]06"),
        ({"seed_weight": 1e-308}, "seed weight of 1e-308"),
        ({"seed_weight": 2.0, "source": "synthetic"}, "has no seeds beside other rows"),
        ({"encoder": "x", "strategy": "coverage"}, "uses no vectors"),
    ],
)
def test_what_a_draw_cannot_have_is_one_line(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        SampleConfig(**{"source": "seeds+synthetic", **settings})
