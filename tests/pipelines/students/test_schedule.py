import random
from collections import Counter

import pytest

from sdc.errors import UsageError
from sdc.pipelines.students import schedule


@pytest.mark.parametrize(
    ("table", "rows", "size"),
    [
        ("paper", 20, 4), ("paper", 21, 8), ("paper", 100, 12), ("paper", 150, 16), ("paper", 250, 32),
        ("paper", 251, 64),
        ("code", 20, 4), ("code", 40, 6), ("code", 41, 8), ("code", 150, 12), ("code", 250, 16), ("code", 600, 32),
        ("code", 601, 64),
    ],
)  # fmt: skip
def test_batch_sizes_are_those_of_the_paper_and_of_its_script(table: str, rows: int, size: int) -> None:
    assert schedule.batch_size(table, rows) == size


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown batch size table"):
        schedule.batch_size("mine", 10)


def test_the_rate_rises_then_falls_and_never_reaches_zero_before_the_end() -> None:
    factors = [schedule.rate_factor(step, total_steps=100, warmup=0.1) for step in range(100)]
    assert factors[9] == factors[10] == max(factors) == 1
    assert factors[:10] == sorted(factors[:10])
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert min(factors) > 0


def test_held_out_rows_are_stratified_and_leave_every_label_some() -> None:
    labels = [0] * 30 + [1] * 10 + [2] * 20
    held = schedule.held_out(labels, fraction=0.1, seed=3)
    assert Counter(labels[i] for i in held) == {0: 3, 1: 1, 2: 2}
    assert held == schedule.held_out(labels, fraction=0.1, seed=3) != schedule.held_out(labels, fraction=0.1, seed=4)


def test_nothing_is_held_out_of_a_draw_that_cannot_spare_a_row_of_each_label() -> None:
    assert schedule.held_out([0] * 30 + [1] * 9, fraction=0.1, seed=3) == []


def test_an_epoch_has_every_row_once_and_rows_of_similar_length_together() -> None:
    lengths = [random.Random(7).randint(1, 100) for _ in range(203)]
    epoch = schedule.batches(lengths, size=8, choice=random.Random(1))
    assert sorted(i for batch in epoch for i in batch) == list(range(203))
    assert max(map(len, epoch)) == 8
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in epoch)
    assert padded < 1.3 * sum(lengths)


def test_every_epoch_has_another_order_even_when_all_rows_have_one_length() -> None:
    choice = random.Random(1)
    first, second = (schedule.batches([5] * 40, size=8, choice=choice) for _ in range(2))
    assert first != second
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}
