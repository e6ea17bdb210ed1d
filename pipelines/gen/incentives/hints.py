"""hints: earlier outliers, the new texts least similar to the others, are shown as examples beside the seeds."""

import random
from collections import Counter
from collections.abc import Sequence

from sdc.pipelines.gen.incentives.shown import Show, Shown, shuffled
from sdc.pipelines.text.folding import fold

#: Shown in a call, drawn from the least similar texts.
_NUM_HINTS, _POOL = 3, 10
NEEDS = f"more than {_NUM_HINTS} new texts"
#: Of characters: shorter than for near duplicates, so that texts that share single words differ in degree.
_N = 3


def build(seeds: Sequence[str], texts: Sequence[str], others: Sequence[str]) -> Show | None:
    """Returns a choice of seeds and outliers of `texts`, or None as long as all of them would be outliers."""
    if len(texts) <= _NUM_HINTS:
        return None
    ranked = sorted(zip(similarity_to_others(texts), range(len(texts)), strict=True))
    pool = [texts[i] for _, i in ranked[:_POOL]]

    def show(draw: random.Random) -> Shown:
        return Shown(examples=shuffled((*seeds, *draw.sample(pool, _NUM_HINTS)), draw))

    return show


def similarity_to_others(texts: Sequence[str]) -> list[float]:
    """Returns for each text the share of its character 3-grams that another text has, on average over the others.

    0 to 1; 0 for a single text. In time proportional to the characters, not to the pairs of texts.

    >>> similarity_to_others(["abcd", "abce", "xyz"])
    [0.25, 0.25, 0.0]
    """
    grams = [_grams(text) for text in texts]
    frequencies = Counter(gram for found in grams for gram in found)
    others = max(1, len(texts) - 1)
    return [sum(frequencies[gram] - 1 for gram in found) / (len(found) * others) for found in grams]


def _grams(text: str) -> frozenset[str]:
    folded = fold(text)
    return frozenset(folded[i : i + _N] for i in range(max(1, len(folded) - _N + 1)))
