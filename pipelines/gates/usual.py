"""How unlike the writing of people in a cell a text is: two measures, added up in units of what people differ by.

A language that the identifier does not know (Yiddish in a Hebrew cell, Minangkabau in an Indonesian one) is no better
explained by any other; but the language of the cell explains it worse than it explains the rows of people (identifier),
and its letters follow each other in other ways (letters). Both are means over a text: the longer it is, the less they
vary.

Here: the measures and their limit. Not here: what else the gate `language` looks at.
"""

from collections.abc import Sequence
from typing import Any

from sdc.pipelines.gates.letters import Letters
from sdc.pipelines.text.folding import fold_letters
from sdc.pipelines.text.identifier import LEAST_LETTERS, Guess

#: From so many rows on there is something to say; ...
_LEAST_ROWS = 15
#: ... with a limit of so many standard deviations, and more with few rows, whose spread is not well known.
_LIMIT, _LIMIT_OF_FEW = 5.0, 25.0
#: Without the identifier, one measure alone has to say it.
_LIMIT_ALONE = 5.0
_MAX_FOLDS = 10
#: So many rows teach half of what letters can tell.
_ROWS_OF_LETTERS = 50
#: The share of human rows that may lie above the limit.
_ODD_SHARE = 0.0025
#: Rows that share so much of their letters (Jaccard of 4-grams) are one sentence with another filling, and say nothing
#: of how much texts differ. So many rows are compared, enough to see whether a cell consists of such.
_SAME, _COMPARED = 0.5, 200
#: What a text is about moves its mean as much as chance moves that of so many things (bytes, letters): a long text is
#: no surer without end, else people's longest rows are the most unlike.
_MOST_SAID = 100


class Unlike:
    """Measures texts against those of people.

    Args:
        texts: Human rows, as the gate reads them.
        guesses: What the identifier says of each; None if it does not know the language.
    """

    def __init__(self, texts: Sequence[str], guesses: Sequence[Guess] | None) -> None:
        chosen = [i for i, text in enumerate(texts) if sum(map(str.isalpha, text)) >= LEAST_LETTERS]
        step = max(1.0, len(chosen) / _COMPARED)
        compared = [chosen[int(i * step)] for i in range(min(len(chosen), _COMPARED))]
        different = [compared[i] for i in _different([texts[i] for i in compared])]
        if len(chosen) <= _COMPARED or len(different) < _LEAST_ROWS:
            chosen = different
        self.knows = len(chosen) >= _LEAST_ROWS
        if not self.knows:
            return
        rows = [texts[i] for i in chosen]
        self._letters = Letters(rows)
        folds = _MAX_FOLDS if len(rows) <= 20 * _MAX_FOLDS else _MAX_FOLDS // 2
        measures = [self._letters.held_out(folds=folds)]
        if guesses is not None:
            measures.append([(guesses[i].margin, guesses[i].num_bytes) for i in chosen])
        self._scales = [Scale(pairs) for pairs in measures]
        self._weights = (len(rows) / (len(rows) + _ROWS_OF_LETTERS), 1.0)
        #: Place of a row, and by how many standard deviations its letters are more surprising than usual.
        self.letters_of_people = list(zip(chosen, map(self._scales[0], measures[0]), strict=True))
        sums = [self._add(pairs) for pairs in zip(*measures, strict=True)]
        self._sum = Scale([(value, 1) for value in sums])
        found = sorted((self._sum((value, 1)) for value in sums), reverse=True)
        least = (_LIMIT if guesses is not None else _LIMIT_ALONE) + _LIMIT_OF_FEW / len(rows)
        self.limit = max(least, found[max(1, int(_ODD_SHARE * len(found)))])

    def measured(self, texts: Sequence[str], guesses: Sequence[Guess | None]) -> list[tuple[float | None, bool]]:
        """Returns of each text by how many standard deviations its letters are more surprising than those of people.

        And whether it is unlike all that people write. Without enough human rows, None and False.
        """
        if not self.knows:
            return [(None, False)] * len(texts)
        found: list[tuple[float | None, bool]] = []
        for text, surprise, guess in zip(texts, self._letters.surprises(texts), guesses, strict=True):
            measures = [surprise, *([(guess.margin, guess.num_bytes)] if guess is not None else [])]
            score = self._sum((self._add(measures), 1))
            enough = score > self.limit and sum(map(str.isalpha, text)) >= LEAST_LETTERS
            found.append((self._scales[0](surprise), enough))
        return found

    def _add(self, measures: Sequence[tuple[float, int]]) -> float:
        found = zip(self._weights, self._scales, measures, strict=False)
        return sum(weight * scale(measure) for weight, scale, measure in found)


class Scale:
    """Turns means over texts of different lengths into standard deviations above the usual.

    Args:
        pairs: (mean, number of things it is the mean of) of the human rows.
    """

    def __init__(self, pairs: Sequence[tuple[float, int]]) -> None:
        import numpy as np

        means, numbers = np.array(pairs, dtype=float).T
        self._usual = float(np.median(means))
        off = np.sort((means - self._usual) * _weight(numbers))
        # What is above the usual varies more, often by a few rows: without the odd one, whichever estimate is wider.
        kept = off[: -max(1, len(off) // 100)]
        self._spread = max(float(np.quantile(off, 0.84)), float(np.sqrt(np.mean(kept**2))), 1e-9)

    def __call__(self, pair: tuple[float, int]) -> float:
        """Returns how many standard deviations a mean over so many things is above the usual one."""
        mean, number = pair
        return float((mean - self._usual) * _weight(number) / self._spread)


def _weight(number: Any) -> Any:
    """Returns one over the standard error of a mean over so many things, up to a factor: texts differ, and letters do.

    >>> [round(_weight(number), 1) for number in (0, 1, 100, 10_000)]
    [0.0, 1.0, 7.1, 10.0]
    """
    return (number / (1 + number / _MOST_SAID)) ** 0.5


def _different(texts: Sequence[str]) -> list[int]:
    """Returns the places of texts that are not an earlier one with other words in a place or two.

    >>> _different(["remind me to buy milk", "remind me to buy eggs", "remind me to buy bread", "who wrote this song"])
    [0, 3]
    """
    import numpy as np

    places: dict[str, int] = {}
    of_texts = [
        [places.setdefault(gram, len(places)) for gram in {text[i : i + 4] for i in range(max(1, len(text) - 3))}]
        for text in map(fold_letters, texts)
    ]
    has = np.zeros((len(texts), len(places)), dtype=np.float32)
    for row, of_text in zip(has, of_texts, strict=True):
        row[of_text] = 1
    both, sizes = has @ has.T, has.sum(axis=1)
    same = both / (sizes[:, None] + sizes - both) >= _SAME
    found: list[int] = []
    for place in range(len(texts)):
        if not same[place, found].any():
            found.append(place)
    return found
