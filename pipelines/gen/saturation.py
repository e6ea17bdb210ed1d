"""How much of what a generator can still write is new, and when asking on is not worth it.

Here: the estimate of the unseen mass from what calls brought, its upper bound, the level below which a label ends. Not
here: when two texts are the same (`similarity.py`), who asks (`loop.py`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import variance

#: A label ends when even the upper bound promises fewer new texts per text asked for than this.
LEAST_GAIN = 0.05
#: One-sided 95 %.
_Z = 1.645


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one call brought.

    Args:
        texts: Complete texts in the reply, whatever became of them.
        new: Those of them that were new when they came, and acceptable.
        rejected: Those of them that a gate rejected.
        types: Which acceptable texts are among them; near duplicates of each other are one type.
    """

    texts: int
    new: int = 0
    rejected: int = 0
    types: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """The estimate of how much is unseen, from calls that were all made in the same way.

    Args:
        calls: Number of calls.
        texts: Complete texts in all of them.
        rejected: Texts that a gate rejected.
        distinct: Acceptable types seen.
        once: Types that a single call saw, and nobody else.
        share: Estimated probability that the next text is acceptable and new, 0 to 1.
        share_at_most: Its upper bound (95 %).
        gain: Estimated number of new, acceptable texts in the next call.
        gain_at_most: Its upper bound (95 %).
    """

    calls: int
    texts: int
    rejected: int
    distinct: int
    once: int
    share: float
    share_at_most: float
    gain: float
    gain_at_most: float

    @property
    def novelty(self) -> float:
        """Estimated probability that the next acceptable text is new, 0 to 1; 1 as long as none is known."""
        acceptable = self.texts - self.rejected
        return min(1.0, self.once / acceptable) if acceptable else 1.0

    def is_exhausted(self, asked: int) -> bool:
        """Returns whether further calls, each asking for `asked` texts, bring too little (`LEAST_GAIN`)."""
        return self.gain_at_most < LEAST_GAIN * asked


def estimate(samples: Sequence[Sample], sightings: Mapping[int, int]) -> Unseen:
    """Returns what the calls say about what they have not seen.

    Good and Turing: a text is as likely to be new as the texts so far turn out to be new when each is compared with
    all others, so the share of texts seen once estimates the unseen mass. Texts of one reply are not independent, for a
    model avoids repeating itself within it; so calls are the sampling units, and `once` are the types in exactly one
    call (incidence data). Types that are not acceptable count in `texts` only: it is the mass of what is wanted.

    The bound is the score bound of a Poisson count, with the variance after Esty (types seen once, plus twice those
    seen twice) or the variance between the calls, whichever is larger: calls may be refused, or rejected, as a whole.

    Degenerate cases: without calls nothing is known: the shares are 1 and the gains infinite. If every type was seen
    again, the estimate is 0 and its bound 2.7 new texts in as many calls as were made (the "rule of three").

    Source: I. J. Good, "The population frequencies of species and the estimation of population parameters", Biometrika
    1953; W. W. Esty, "A normal limit law for a nonparametric estimator of the coverage of a random sample", Annals of
    Statistics 1983; for incidence data A. Chao and R. K. Colwell, "Thirty years of progeny from Chao's inequality",
    SORT 2017.

    Args:
        samples: What each call brought.
        sightings: Type -> number of calls, of any kind, that saw it; one more if it was known before all calls.

    >>> calls = [Sample(texts=2, types=frozenset({0, 1})), Sample(texts=2, types=frozenset({0, 2}))]
    >>> seen = estimate(calls, {0: 2, 1: 1, 2: 1})
    >>> seen.distinct, seen.once, seen.share, seen.gain
    (3, 2, 0.5, 1.0)
    """
    num_calls, texts = len(samples), sum(sample.texts for sample in samples)
    types = frozenset().union(*(sample.types for sample in samples))
    singles = [sum(sightings[t] == 1 for t in sample.types) for sample in samples]
    once, twice = sum(singles), sum(sightings[t] == 2 for t in types)
    between = num_calls * variance(singles) if num_calls > 1 else 0.0
    at_most = count_at_most(once, variance_of_count=max(once + 2 * twice, between))
    return Unseen(
        calls=num_calls,
        texts=texts,
        rejected=sum(sample.rejected for sample in samples),
        distinct=len(types),
        once=once,
        share=min(1.0, once / texts) if texts else 1.0,
        share_at_most=min(1.0, at_most / texts) if texts else 1.0,
        gain=once / num_calls if num_calls else math.inf,
        gain_at_most=at_most / num_calls if num_calls else math.inf,
    )


def count_at_most(count: int, *, variance_of_count: float | None = None) -> float:
    """Returns the upper bound (one-sided 95 %) of the mean of a count, by the score method.

    Args:
        count: What was counted, at least 0.
        variance_of_count: At least 0; None is that of a Poisson count.

    >>> round(count_at_most(0), 1), round(count_at_most(100), 1)
    (2.7, 117.9)
    """
    spread = count if variance_of_count is None else variance_of_count
    return count + _Z**2 / 2 + _Z * math.sqrt(spread + _Z**2 / 4)
