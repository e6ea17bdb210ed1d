"""Which batch is whose: balanced, the same on every machine, wave by wave."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.run.array.shares import num_elements, shared
from sdc.pipelines.run.batches import RunBatch
from sdc.pipelines.run.sites import Site


def _batch(name: str, seconds: float | None, *, wave: int = 1, runs: int = 4) -> RunBatch:
    keys = tuple(f"{name}{n}" for n in range(runs))
    missing = tuple(range(runs))
    return RunBatch(id=name, line=0, cell=0, wave=wave, keys=keys, missing=missing, seconds=seconds)


def _shared(batches: Sequence[RunBatch], num: int) -> list[list[str]]:
    return shared(batches, {batch.id: batch.seconds or 0.0 for batch in batches}, num)


def test_the_longest_batch_goes_to_who_has_least() -> None:
    batches = [_batch(name, seconds) for name, seconds in [("a", 1), ("b", 5), ("c", 4), ("d", 3), ("e", 3)]]
    assert _shared(batches, 2) == [["b", "e"], ["a", "c", "d"]]


def test_every_element_has_its_part_of_every_wave_in_order() -> None:
    batches = [_batch(f"{wave}{n}", 1.0, wave=wave) for wave in (0, 1, 2) for n in range(4)]
    for of_element in _shared(batches, 4):
        assert [name[0] for name in of_element] == ["0", "1", "2"]


@given(st.lists(st.floats(0.1, 1000), min_size=1, max_size=40), st.integers(1, 8))
def test_every_batch_is_of_one_element_and_none_has_much_more_than_another(seconds: list[float], wanted: int) -> None:
    batches = [_batch(str(n), each, wave=1 + n * 3 // len(seconds)) for n, each in enumerate(seconds)]
    num = min(wanted, len(batches))
    found = _shared(batches, num)
    assert sorted(name for of_element in found for name in of_element) == sorted(batch.id for batch in batches)
    loads = sorted(sum(seconds[int(name)] for name in of_element) for of_element in found)
    assert loads[-1] - loads[0] <= max(seconds) + 1e-6
    assert found == _shared(batches, num)
    for of_element in found:
        assert all(int(a) < int(b) for a, b in pairwise(of_element))


def test_all_repeats_of_a_point_are_of_one_element_where_it_is_to_see_when_they_are_enough() -> None:
    names = ["a", "b", "c"]
    batches = [replace(_batch(f"{n}{wave}", 1.0, wave=wave), cell=ord(n)) for wave in (1, 2, 3) for n in names]
    found = shared(batches, {batch.id: 1.0 for batch in batches}, 3, whole_points=True)
    assert found == [["a1", "a2", "a3"], ["b1", "b2", "b3"], ["c1", "c2", "c3"]]


def test_there_are_as_many_elements_as_the_site_says_or_their_time_asks_for() -> None:
    seconds = {str(n): 900.0 for n in range(100)}
    site = Site(executor="slurm", partition="gpu", time="01:00:00")
    assert num_elements(seconds, replace(site, max_tasks=4)) == 34  # 25 hours in 45 minutes each
    assert num_elements(seconds, replace(site, max_tasks=40)) == 40
    assert num_elements(seconds, site) == 64
    assert num_elements(seconds, replace(site, elements=7)) == 7
    assert num_elements({"a": 1.0, "b": 1.0}, site) == 2
    assert num_elements({}, site) == 0
