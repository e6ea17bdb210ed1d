"""language: the text is in another language: by py3langid, among all it knows, or because people here write otherwise.

The usual slip is another language of the experiment (English among Telugu), and little evidence is enough for it;
among all languages, more is needed. Evidence grows with the length of a text, so that a short one passes more easily.
Words in another script, names of users and addresses do not count. How much evidence it takes follows the rows of
people: more where they look foreign themselves, because they mix languages or leave out accents, else less.
"""

import math
from collections.abc import Sequence

from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.gates.usual import Unlike
from sdc.pipelines.text.identifier import Guess, Identifier, known
from sdc.pipelines.text.scripts import without_addresses

#: The least evidence against the language without human rows: the other is e to the power of this times as probable.
THRESHOLD = 3.5
#: Where less of a text is in the cell's own script, the rest is no loan word.
_LEAST_OWN = 0.3
#: Human rows lower the limit as far as it is sure that no more than this share of other rows of people lies above it.
_MOST_ABOVE = 0.01
#: So much more evidence than the highest row of people has is another language: rows that were not drawn reach higher.
_HEADROOM = 1.0
#: Less evidence is none, whatever people write: a short text with a foreign name in it has as much.
_LEAST = 1.0
#: How much of what the letters tell counts beside the identifier, and so many standard deviations of it at most.
_OF_LETTERS, _MOST_OF_LETTERS = 0.5, 2.0
#: A text that is in the language as surely as another would have to be in another one may be about something else, in
#: other words, than people's rows: it is unlike them only if its letters are by so many standard deviations.
_FOREIGN_LETTERS = 3.0
#: Texts that are read ahead, and so many at once: of long ones, which other gates may refuse first, one is enough work.
_LONG, _AT_ONCE = 2000, 1000
#: The share of human rows whose evidence may be above the limit.
_ODD_SHARE = 0.003


class LanguageCheck:
    """A check of the language of a text.

    If the identifier does not know the language, only a text unlike all human rows is refused.
    """

    def __init__(self, reference: Reference, threshold: float) -> None:
        self._tag = known(reference.cell.lang)
        self._name = self._tag or reference.cell.lang
        self._identifier = Identifier(self._tag) if self._tag else None
        self._own = reference.writing
        human = self._read_many(reference.sample)
        guesses = [guess for _, guess in human if guess is not None]
        self._unlike = Unlike([text for text, _ in human], guesses if self._identifier else None)
        evidence = [guess.evidence for guess in guesses if guess.num_bytes]
        if self._unlike.knows and guesses:
            evidence = [_weighed(guesses[i].evidence, letters) for i, letters in self._unlike.letters_of_people]
        self._limit = _limit(evidence, threshold)
        self._ahead: dict[str, str | None] = {}

    def __call__(self, text: str) -> str | None:
        """Returns the reason to refuse a text, or None."""
        return self._ahead[text] if text in self._ahead else self._reasons([self._read(text)])[0]

    def read_ahead(self, texts: Sequence[str]) -> None:
        """Reads texts that are asked for later: of many at once each takes half of the time."""
        short = [text for text in texts if len(text) <= _LONG]
        for start in range(0, len(short), _AT_ONCE):
            some = short[start : start + _AT_ONCE]
            self._ahead.update(zip(some, self._reasons(self._read_many(some)), strict=True))

    def _reasons(self, found: Sequence[tuple[str, Guess | None]]) -> list[str | None]:
        measured = self._unlike.measured([text for text, _ in found], [guess for _, guess in found])
        return [
            self._reason(guess, letters, is_unlike)
            for (_, guess), (letters, is_unlike) in zip(found, measured, strict=True)
        ]

    def _reason(self, guess: Guess | None, letters: float | None, is_unlike: bool) -> str | None:
        if guess is not None and guess.num_bytes and _weighed(guess.evidence, letters) > self._limit:
            return f"it reads as {guess.tag}, not {self._tag}"
        if is_unlike and guess is not None and guess.evidence <= -THRESHOLD:
            is_unlike = letters is not None and letters > _FOREIGN_LETTERS
        return f"it does not read like the {self._name} that people write" if is_unlike else None

    def _read(self, text: str) -> tuple[str, Guess | None]:
        """Returns the words of a text that say something of its language, and what the identifier says of them."""
        return self._read_many([text])[0]

    def _read_many(self, texts: Sequence[str]) -> list[tuple[str, Guess | None]]:
        words = list(map(self._words, texts))
        guesses = self._identifier.guesses(words) if self._identifier else [None] * len(words)
        return list(zip(words, guesses, strict=True))

    def _words(self, text: str) -> str:
        text = without_addresses(text)
        if self._own is not None and self._own.share(text) >= _LEAST_OWN:
            return " ".join(self._own.word.findall(text))
        return text


def _weighed(evidence: float, letters: float | None) -> float:
    """Returns the evidence of the identifier with that of the letters, if people's rows say anything of them.

    Rows of another language whose letters are by one standard deviation more surprising than those of people are
    exp(z - 1/2) times as probable at z standard deviations as rows of people are. The identifier has read the same
    letters, so that this counts half, and by the letters alone no text is in another language.

    >>> _weighed(3.0, None), _weighed(3.0, 1.5), _weighed(3.0, 0.5), _weighed(3.0, -9.0)
    (3.0, 3.5, 3.0, 1.75)
    """
    if letters is None:
        return evidence
    return evidence + _OF_LETTERS * (max(-_MOST_OF_LETTERS, min(letters, _MOST_OF_LETTERS)) - 0.5)


def _limit(evidence: Sequence[float], threshold: float) -> float:
    """Returns the evidence that people's own rows hardly ever have; the threshold without any, and never below 1.

    >>> [round(_limit([-1.0] * rows, 3.0), 1) for rows in (20, 100, 1000)], _limit([9.0, 8.0] * 50, 3.0)
    ([2.5, 1.1, 1.0], 9.0)
    """
    if not evidence:
        return threshold
    found, place = sorted(evidence, reverse=True), int(_ODD_SHARE * len(evidence))
    second = found[min(len(found) - 1, max(1, place))]
    if second >= threshold:
        return second  # one row may have strayed in, two say what people do
    sure = _confidence(len(found), place)
    return max(_LEAST, sure * min(found[place] + _HEADROOM, threshold) + (1 - sure) * threshold)


def _confidence(rows: int, place: int) -> float:
    """Returns how sure it is that at most 1 % of all rows of people lie above the one at this place of so many drawn.

    It is the probability that more than `place` of the rows that were drawn are among the highest 1 % of all.

    Source: confidence intervals of quantiles by order statistics, David and Nagaraja (2003), section 7.1.

    >>> [round(_confidence(rows, 0), 2) for rows in (2, 20, 100, 300)]
    [0.02, 0.18, 0.63, 0.95]
    """
    fewer = sum(
        math.comb(rows, number) * _MOST_ABOVE**number * (1 - _MOST_ABOVE) ** (rows - number)
        for number in range(place + 1)
    )
    return max(0.0, 1 - fewer)
