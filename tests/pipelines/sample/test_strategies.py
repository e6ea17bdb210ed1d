"""The strategies, over all kinds of label counts."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.sample.strategies import STRATEGIES, balanced, random

SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=5).map(sorted)
SEEDS = st.integers(0, 2**31 - 1)


@st.composite
def labelled(draw: st.DrawFn) -> tuple[list[int], int]:
    """Labels of rows, every label at least once, and their number."""
    num_labels = draw(st.integers(2, 6))
    rows = draw(st.lists(st.integers(0, num_labels - 1), max_size=40))
    return draw(st.permutations([*rows, *range(num_labels)])), num_labels


@given(labelled(), SIZES, SEEDS)
def test_balanced_draws_are_balanced_nested_and_as_large_as_asked(
    rows: tuple[list[int], int], sizes: list[int], seed: int
) -> None:
    labels, num_labels = rows
    most = min(Counter(labels).values())
    chosen = balanced.choose(labels, sizes, num_labels, seed)
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
    chosen = random.choose(labels, sizes, num_labels, seed)
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
    together = STRATEGIES[name].choose(labels, sizes, num_labels, seed)
    assert together == [STRATEGIES[name].choose(labels, [size], num_labels, seed)[0] for size in sizes]


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_row_can_be_drawn(name: str) -> None:
    labels = [0, 1] * 10
    seen = {i for seed in range(60) for i in STRATEGIES[name].choose(labels, [4], 2, seed)[0]}
    assert seen == set(range(20))
