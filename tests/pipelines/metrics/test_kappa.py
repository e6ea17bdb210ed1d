"""Cohen's kappa against values worked out by hand, scikit-learn, and its degenerate cases."""

import math
import random

import pytest

from sdc.pipelines.metrics import kappa


def pairs(both: int, first: int, second: int, neither: int) -> tuple[list[bool], list[bool]]:
    table = [(True, True)] * both + [(True, False)] * first + [(False, True)] * second + [(False, False)] * neither
    random.Random(0).shuffle(table)
    return [a for a, _ in table], [b for _, b in table]


def test_a_table_worked_out_by_hand() -> None:
    # observed 35/50; by chance (25 * 30 + 25 * 20) / 50**2 = 1/2
    assert kappa.cohen(*pairs(20, 5, 10, 15)) == pytest.approx(0.4)


def test_opposite_answers_are_minus_one_and_independent_ones_zero() -> None:
    assert kappa.cohen(*pairs(0, 5, 5, 0)) == -1.0
    assert kappa.cohen(*pairs(9, 3, 3, 1)) == pytest.approx(0.0)


def test_there_is_none_without_texts_or_where_chance_explains_all() -> None:
    assert kappa.cohen([], []) is None
    assert kappa.cohen([True] * 4, [True] * 4) is None
    assert kappa.cohen([True] * 4, [False] * 4) == 0.0


def test_different_lengths_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="3 and 2"):
        kappa.cohen([1, 2, 3], [1, 2])


def test_it_is_what_scikit_learn_says() -> None:
    from sklearn.metrics import cohen_kappa_score

    draw = random.Random(0)
    for _ in range(200):
        num = draw.randint(1, 60)
        a, b = ([draw.choice("pqr") for _ in range(num)] for _ in range(2))
        found = kappa.cohen(a, b)
        if found is None:
            assert len(set(a + b)) == 1
        else:
            assert math.isclose(found, cohen_kappa_score(a, b), abs_tol=1e-9)
