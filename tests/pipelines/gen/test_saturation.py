"""The estimate of the unseen: worked examples, degenerate cases, and a simulation against known distributions."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest

from sdc.pipelines.gen.saturation import Sample, Unseen, count_at_most, estimate


def seen(*calls: Sequence[int], known: Sequence[int] = (), rejected: int = 0) -> Unseen:
    """The estimate from calls that brought these types; `rejected` more texts in each were rejected."""
    samples = [Sample(texts=len(c) + rejected, rejected=rejected, types=frozenset(c)) for c in calls]
    sightings = Counter(t for sample in samples for t in sample.types) + Counter(known)
    return estimate(samples, sightings)


def test_without_calls_nothing_is_known() -> None:
    unseen = seen()
    assert (unseen.share, unseen.share_at_most, unseen.novelty) == (1.0, 1.0, 1.0)
    assert unseen.gain == unseen.gain_at_most == math.inf
    assert not unseen.is_exhausted(10)


def test_calls_without_texts_promise_ever_less() -> None:
    bounds = [seen(*[()] * calls).gain_at_most for calls in range(1, 30)]
    assert all(later < earlier for earlier, later in pairwise(bounds))
    assert seen(*[()] * 3).share == 1.0  # of texts, nothing is known
    assert not seen(*[()] * 5).is_exhausted(10)
    assert seen(*[()] * 6).is_exhausted(10)


def test_all_new_and_all_seen_again() -> None:
    fresh, stale = seen((0, 1), (2, 3), (4, 5)), seen((0, 1), (0, 1), (0, 1))
    assert (fresh.share, fresh.gain, fresh.novelty) == (1.0, 2.0, 1.0)
    assert (stale.share, stale.gain, stale.novelty, stale.distinct) == (0.0, 0.0, 0.0, 2)
    assert 0 < stale.gain_at_most < 1 < 2 < fresh.gain_at_most


def test_a_type_repeated_within_one_call_was_seen_by_one_call() -> None:
    unseen = estimate([Sample(texts=3, types=frozenset({0}))], Counter({0: 1}))
    assert (unseen.distinct, unseen.once) == (1, 1)


def test_what_was_known_before_is_not_new() -> None:
    assert seen((0, 1), (2, 3), known=(0, 1, 2)).once == 1


def test_rejected_texts_lower_the_share_and_not_the_novelty() -> None:
    clean, spoilt = seen((0, 1), (0, 2)), seen((0, 1), (0, 2), rejected=2)
    assert (clean.share, spoilt.share) == (0.5, 0.25)
    assert clean.novelty == spoilt.novelty == 0.5
    assert clean.gain == spoilt.gain


@pytest.mark.parametrize("asked", [1, 5, 10, 50])
def test_a_label_is_exhausted_when_less_than_one_in_twenty_texts_asked_for_would_be_new(asked: int) -> None:
    repeated = tuple(range(asked))
    calls = next(n for n in range(1, 1000) if seen(*[repeated] * n).is_exhausted(asked))
    assert 54 < calls * asked <= 54 + 2 * asked  # 2.7 / 0.05: the fewest texts that can show it


def test_calls_that_fail_as_a_whole_widen_the_bound() -> None:
    even = seen(*[(i, 100 + i, 200 + i) for i in range(20)])
    in_lumps = seen(*[tuple(range(6 * i, 6 * i + 6)) if i % 2 else () for i in range(20)])
    assert even.gain == in_lumps.gain
    assert in_lumps.gain_at_most > even.gain_at_most


@pytest.mark.parametrize("count", [0, 1, 3, 10, 50])
def test_the_bound_of_a_count_holds_in_95_of_100_cases(count: int) -> None:
    bound = count_at_most(count)
    # At the bound as true mean, so small a count has a probability near 5 % (Poisson; the score method is approximate).
    tail = sum(math.exp(-bound + k * math.log(bound) - math.lgamma(k + 1)) for k in range(count + 1))
    assert 0.035 < tail < 0.075


# -- simulation ---------------------------------------------------------------------------------------------------

_RUNS, _TEXTS = 150, 10
SHAPES = {
    "uniform": [1.0] * 150,
    "zipf": [1 / (i + 1) for i in range(400)],
    "geometric": [0.97**i for i in range(300)],
}


@pytest.mark.parametrize("calls", [5, 15, 40])
@pytest.mark.parametrize("alike", ["independent", "no repetition", "a third rejected"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_estimate_covers_the_truth(shape: str, alike: str, calls: int) -> None:
    weights = SHAPES[shape]
    total = sum(weights)
    covered, error, true = 0, 0.0, 0.0
    for run in range(_RUNS):
        draw = random.Random(f"{shape} {alike} {calls} {run}")
        samples = [_call(weights, alike, draw) for _ in range(calls)]
        sightings = Counter(t for sample in samples for t in sample.types)
        unseen = estimate(samples, sightings)
        truth = sum(weight for t, weight in enumerate(weights) if t not in sightings) / total
        truth *= 2 / 3 if alike == "a third rejected" else 1
        covered += truth <= unseen.share_at_most
        error += unseen.share - truth
        true += truth
    assert covered / _RUNS >= 0.9, "the upper bound is to hold in 95 of 100 runs"
    # Texts that avoid each other within a call find more than independent ones, in the next call too.
    assert -0.01 <= error / _RUNS <= 0.01 + (0.45 if alike == "no repetition" else 0.3) * true / _RUNS


def _call(weights: Sequence[float], alike: str, draw: random.Random) -> Sample:
    types = range(len(weights))
    if alike == "a third rejected" and draw.random() < 1 / 3:
        return Sample(texts=_TEXTS, rejected=_TEXTS)
    found = draw.choices(types, weights, k=_TEXTS)
    while alike == "no repetition" and len(set(found)) < _TEXTS:
        found = [*dict.fromkeys(found), *draw.choices(types, weights)]
    return Sample(texts=_TEXTS, types=frozenset(found))
