"""The strategies, over all kinds of label counts."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.sample.strategies import STRATEGIES, Candidates, balanced, coverage, kcentre, random

SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=5).map(sorted)
SEEDS = st.integers(0, 2**31 - 1)


@st.composite
def labelled(draw: st.DrawFn) -> tuple[list[int], int]:
    """Labels of rows, every label at least once, and their number."""
    num_labels = draw(st.integers(2, 6))
    rows = draw(st.lists(st.integers(0, num_labels - 1), max_size=40))
    return draw(st.permutations([*rows, *range(num_labels)])), num_labels


def candidates(labels: list[int], num_labels: int) -> Candidates:
    """Rows with these labels, with texts that share words, and vectors."""
    choice = Random(len(labels))
    texts = [f"{choice.choice(['red', 'blue', 'green'])} {i}" for i in range(len(labels))]
    vectors_NE = np.random.default_rng(len(labels)).normal(size=(len(labels), 3))
    vectors_NE /= np.linalg.norm(vectors_NE, axis=1)[:, None]
    return Candidates(labels=labels, num_labels=num_labels, texts=texts, vectors_NE=vectors_NE)


@given(labelled(), SIZES, SEEDS)
def test_balanced_draws_are_balanced_nested_and_as_large_as_asked(
    rows: tuple[list[int], int], sizes: list[int], seed: int
) -> None:
    labels, num_labels = rows
    most = min(Counter(labels).values())
    chosen = balanced.choose(candidates(labels, num_labels), sizes, seed)
    assert len(chosen) == len(sizes)
    for size, positions in zip(sizes, chosen, strict=True):
        per_label = min(most, max(2, size // num_labels))
        assert Counter(labels[i] for i in positions) == dict.fromkeys(range(num_labels), per_label)
        assert len(set(positions)) == len(positions)
    for smaller, larger in pairwise(chosen):
        assert larger[: len(smaller)] == smaller


@given(labelled(), SIZES, SEEDS)
def test_random_draws_are_nested_and_as_large_as_asked(
    rows: tuple[list[int], int], sizes: list[int], seed: int
) -> None:
    labels, num_labels = rows
    chosen = random.choose(candidates(labels, num_labels), sizes, seed)
    for size, positions in zip(sizes, chosen, strict=True):
        assert len(positions) == len(set(positions)) == min(size, len(labels))
    for smaller, larger in pairwise(chosen):
        assert larger[: len(smaller)] == smaller


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@given(rows=labelled(), sizes=SIZES, seed=SEEDS)
def test_a_draw_depends_on_the_seed_and_not_on_the_other_sizes(
    name: str, rows: tuple[list[int], int], sizes: list[int], seed: int
) -> None:
    labels, num_labels = rows
    pool = candidates(labels, num_labels)
    together = STRATEGIES[name].choose(pool, sizes, seed)
    assert together == [STRATEGIES[name].choose(pool, [size], seed)[0] for size in sizes]


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_row_can_be_drawn(name: str) -> None:
    pool = candidates([0, 1] * 10, 2)
    sizes = [4] if STRATEGIES[name].is_seeded else [20]
    seen = {i for seed in range(60) for i in STRATEGIES[name].choose(pool, sizes, seed)[0]}
    assert seen == set(range(20))


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@given(rows=labelled(), sizes=SIZES, seed=SEEDS)
def test_a_strategy_knows_how_many_rows_it_draws(
    name: str, rows: tuple[list[int], int], sizes: list[int], seed: int
) -> None:
    labels, num_labels = rows
    pool = candidates(labels, num_labels)
    counts = [labels.count(label) for label in range(num_labels)]
    drawn = [len(chosen) for chosen in STRATEGIES[name].choose(pool, sizes, seed)]
    assert drawn == [STRATEGIES[name].num_rows(counts, size) for size in sizes]
    assert all(number <= STRATEGIES[name].capacity(counts) for number in drawn)


UNSEEDED = sorted(name for name, strategy in STRATEGIES.items() if not strategy.is_seeded)


@pytest.mark.parametrize("name", UNSEEDED)
@given(rows=labelled(), sizes=SIZES, order=st.randoms(use_true_random=False))
def test_without_a_seed_draws_are_nested_and_the_same_in_any_row_order(
    name: str, rows: tuple[list[int], int], sizes: list[int], order: Random
) -> None:
    labels, num_labels = rows
    pool = candidates(labels, num_labels)
    chosen = STRATEGIES[name].choose(pool, sizes, 1)
    assert chosen == STRATEGIES[name].choose(pool, sizes, 2)
    for smaller, larger in pairwise(chosen):
        assert larger[: len(smaller)] == smaller
    for positions in chosen:
        assert len(set(positions)) == len(positions)
        assert not STRATEGIES[name].is_balanced or len(set(Counter(labels[i] for i in positions).values())) == 1
    shuffled = order.sample(range(len(labels)), len(labels))
    other = replace(
        pool, labels=[labels[i] for i in shuffled], texts=[pool.texts[i] for i in shuffled],
        vectors_NE=pool.vectors_NE[shuffled],
    )  # fmt: skip
    assert [[pool.texts[i] for i in one] for one in chosen] == [
        [other.texts[i] for i in one] for one in STRATEGIES[name].choose(other, sizes, 1)
    ]


def test_coverage_takes_what_adds_most_and_no_copy_of_what_is_there() -> None:
    texts = ["the red fox runs", "the red fox runs", "a blue bird", "the blue bird", "zzq", "xj", "vw", "ky"]
    pool = Candidates(labels=[0] * 4 + [1] * 4, num_labels=2, texts=texts)
    (four,) = coverage.choose(pool, [4], 0)
    assert {texts[i] for i in four if pool.labels[i] == 0} == {"the red fox runs", "the blue bird"}


def test_the_share_of_ngrams_grows_with_a_draw_and_is_larger_than_that_of_a_random_one() -> None:
    choice = Random(1)
    words = [f"{a}{b}" for a in ("ka", "lo", "mi", "tu") for b in ("ren", "sat", "vil", "dop")]
    texts = [" ".join(choice.choices(words[:4] if i % 3 else words, k=4)) for i in range(60)]
    pool = Candidates(labels=[i % 2 for i in range(60)], num_labels=2, texts=texts)
    found = coverage.shares(pool, coverage.choose(pool, [6, 12, 24], 0))
    usual = coverage.shares(pool, balanced.choose(pool, [6, 12, 24], 0))
    assert found == sorted(found)
    assert all(0 < one <= 1 for one in found)
    assert all(one > other for one, other in zip(found[:2], usual[:2], strict=True))


def test_kcentre_keeps_away_from_the_seeds_and_from_what_it_took() -> None:
    angles = [0.0, 0.1, 1.5, 1.6, 3.0, 3.1]
    vectors = np.array([[np.cos(angle), np.sin(angle)] for angle in angles])
    pool = Candidates(
        labels=[0] * 6 + [1] * 2, num_labels=2, texts=[*"abcdefgh"], vectors_NE=np.vstack([vectors, vectors[:2]]),
        seeds=[("s", 0)], seed_vectors_SE=vectors[:1],
    )  # fmt: skip
    (four,) = kcentre.choose(pool, [4], 0)
    assert [pool.texts[i] for i in four if pool.labels[i] == 0] == ["f", "c"]  # c is as far as d
    with pytest.raises(ValueError, match="vectors"):
        kcentre.choose(replace(pool, vectors_NE=None), [4], 0)
