"""taboo: the prompt names words to avoid: frequent ones that are typical of the label's texts so far."""

import math
import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from sdc.pipelines.gen.incentives.shown import Show, Shown, shuffled
from sdc.pipelines.text.folding import fold_case
from sdc.pipelines.text.words import terms

NEEDS = "a word that stands in several texts and is typical of the label"
#: Few enough that the label can still be written about.
_NUM_WORDS = 5
_LEAST_TEXTS, _LEAST_RATIO = 2, 2.0
#: Pseudo-texts with and without a word, so that no logarithm is infinite (Haldane and Anscombe).
_PRIOR = 0.5


def build(seeds: Sequence[str], texts: Sequence[str], others: Sequence[str]) -> Show | None:
    """Returns a choice of seeds with the taboo words of `texts`, or None if no word is typical of them."""
    words = tuple(characteristic(texts, others))
    if not words:
        return None

    def show(draw: random.Random) -> Shown:
        return Shown(examples=shuffled(tuple(seeds), draw), taboo=words)

    return show


def characteristic(texts: Sequence[str], others: Sequence[str], *, most: int = _NUM_WORDS) -> list[str]:
    """Returns the words that tell `texts` from `others` best, at most `most`, the best first.

    The score of a word is the z-score of its log-odds (texts with it against texts without) in `texts` over those in
    `others`; without others, its log-odds alone, so that the most frequent words come. A word counts that stands in two
    texts at least, and in twice the share of the others, which leaves out what any text may say. Of words with the same
    score the longer one comes first, then the alphabet decides.

    Source: B. L. Monroe, M. P. Colaresi and K. M. Quinn, "Fightin' words", Political Analysis 2008, with a flat prior.

    >>> characteristic(["a red bus", "the red car", "red and blue"], ["a blue car", "the blue bus"], most=2)
    ['red']
    """
    found: dict[str, str] = {}
    while len(found) < most:
        here, spellings = _document_frequencies(texts, known=found)
        there, _ = _document_frequencies(others, known=found)
        scored = [
            (-score, -len(word), word)
            for word, count in here.items()
            if count >= _LEAST_TEXTS and (score := _score(count, len(texts), there[word], len(others))) is not None
        ]
        if not scored:
            break
        word = min(scored)[2]
        found[word] = min(spellings[word], key=lambda s: (-spellings[word][s], s))
    return list(found.values())


def _document_frequencies(
    texts: Iterable[str], *, known: Collection[str]
) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Returns word -> number of texts with it, and word -> how it is spelt, both by its folded form."""
    frequencies: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = {}
    for text in texts:
        by_form: dict[str, str] = {}
        for term in terms(text, known=known):
            by_form.setdefault(fold_case(term), term)
        frequencies.update(by_form.keys())
        for form, term in by_form.items():
            spellings.setdefault(form, Counter())[term] += 1
    return frequencies, spellings


def _score(here: int, num_here: int, there: int, num_there: int) -> float | None:
    """Returns the z-score of a word, or None if it is not typical enough."""
    inside = math.log((here + _PRIOR) / (num_here - here + _PRIOR))
    if not num_there:
        return inside
    if here / num_here < _LEAST_RATIO * there / num_there:
        return None
    outside = math.log((there + _PRIOR) / (num_there - there + _PRIOR))
    return (inside - outside) / math.sqrt(1 / (here + _PRIOR) + 1 / (there + _PRIOR))
