"""The language identifier: how much better any other language explains a text than the one asked for.

Here: py3langid with what its scores need to be useful on short texts. Not here: limits and reasons
(`gates/language.py`), what people's own rows are like (`gates/usual.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sdc.pipelines.tasks.languages import paper_tags
from sdc.pipelines.text.folding import unpointed
from sdc.pipelines.text.identifier_scores import likelihoods, model, scores

#: So much more evidence is needed for a language that is none of the paper's: of 140, some fit any text by chance; ...
_OTHERS = 2.0
#: ... and for one that people often cannot tell apart either in short or careless texts (Turkish and Azerbaijani).
_RELATIVES = 3.5
#: Correlation of the features of two languages from which on they are relatives.
_RELATED = 0.35
#: Identification of shorter texts is a guess.
LEAST_LETTERS = 12
#: What the identifier calls a language by a name that is none of its BCP-47 names.
_ALIASES = {"nb": "no", "fil": "tl"}
#: Labels for another stage or norm of the same language: Hebrew with vowels is read as biblical.
_SAME = {"he": ("hbo",), "el": ("grc",), "no": ("nn",), "nn": ("no",), "uz": ("uzs",), "zh": ("wuu", "yue")}
#: It stands for "no linguistic content".
_NO_LANGUAGE = "zxx"


@dataclass(frozen=True, kw_only=True)
class Guess:
    """The language that explains a text best, and the evidence for it against the language asked for.

    Args:
        tag: The language.
        evidence: Logarithm of the ratio of probabilities (0 or less: the language asked for is as good), divided by
            the factor above.
        margin: The same without a factor, per byte of the text: what it is like, however long it is.
        num_bytes: The length of the text; 0 for one too short to be identified.
    """

    tag: str
    evidence: float
    margin: float = 0.0
    num_bytes: int = 0


class Identifier:
    """Compares one language with all others.

    Args:
        tag: A language that py3langid knows.
    """

    def __init__(self, tag: str) -> None:
        self._model = model()
        self.tag = tag
        near = _relatives(tag)
        paper = {*paper_tags()}
        self._factors = {
            other: _RELATIVES if other in near else 1.0 if other in paper else _OTHERS
            for other in self._model.labels
            if other not in (tag, _NO_LANGUAGE, *_SAME.get(tag, ()))
        }
        columns = {label: column for column, label in reversed(list(enumerate(self._model.nb_classes)))}
        self._own = [columns[name] for name in (tag, *_SAME.get(tag, ())) if name in columns]
        #: Of languages that need equally much evidence: the factor, names and columns, in the order of the model.
        self._alike = [
            (factor, names, [columns[name] for name in names])
            for factor in sorted(set(self._factors.values()))
            if (names := sorted((n for n in self._factors if self._factors[n] == factor), key=columns.__getitem__))
        ]

    def guess(self, text: str) -> Guess:
        """Returns the best other language for the letters of a text; one without evidence for a short text."""
        return self.guesses([text])[0]

    def guesses(self, texts: Sequence[str]) -> list[Guess]:
        """Returns the `guess` of each text; of many at once each takes a third of the time."""
        import numpy as np

        found = [Guess(tag=self.tag, evidence=0.0)] * len(texts)
        read = {place: usual for place, text in enumerate(texts) if (usual := _usual(text)) is not None}
        if not read:
            return found
        scores_TL = scores([*read.values()])
        own_T = scores_TL[:, self._own].max(axis=1).tolist()
        best = []
        for factor, names, columns in self._alike:
            of_T = scores_TL[:, columns].argmax(axis=1)  # of equals the first
            high_T = scores_TL[np.arange(len(of_T)), np.asarray(columns)[of_T]]
            best.append([(score, names[k], factor) for score, k in zip(high_T.tolist(), of_T.tolist(), strict=True)])
        for (place, text), own, *others in zip(read.items(), own_T, *best, strict=True):
            num_bytes = len(text.encode(errors="surrogatepass"))
            # Its features overlap: divided by the root of the length, the scores are as sure as they are right.
            evidence, tag = max(((score - own) / num_bytes**0.5 / factor, name) for score, name, factor in others)
            margin = (max(score for score, _, _ in others) - own) / num_bytes
            found[place] = Guess(tag=tag, evidence=evidence, margin=margin, num_bytes=num_bytes)
        return found


def _usual(text: str) -> str | None:
    """Returns a text as the identifier was trained on, or None for one that is too short to be identified."""
    text = unpointed(text)
    letters = list(filter(str.isalpha, text))
    if len(letters) < LEAST_LETTERS:
        return None
    if text.islower():
        return text  # the usual case, quickly
    return text.lower() if 2 * sum(map(str.isupper, letters)) > len(letters) else text


def known(tag: str) -> str | None:
    """Returns the label that the identifier has for a language tag, or None.

    >>> known("te"), known("pt-BR"), known("nb"), known("cmn-Hant"), known("tlh")
    ('te', 'pt', 'no', 'zh', None)
    """
    import langcodes

    language = langcodes.Language.get(tag)
    own = language.language or ""
    candidates = (own, language.prefer_macrolanguage().language, _ALIASES.get(own))
    return next((name for name in candidates if name in model().labels), None)


@cache
def _relatives(tag: str) -> frozenset[str]:
    """Returns the languages that the identifier itself takes for similar: their features go together."""
    names = model().nb_classes
    correlation = _correlations()[names.index(tag)]
    return frozenset(name for name, r in zip(names, correlation, strict=True) if r >= _RELATED) - {tag}


@cache
def _correlations() -> Any:
    """Returns the correlation of log P(feature | language) of all pairs of languages."""
    import numpy as np

    table = likelihoods() - likelihoods().mean(axis=1, keepdims=True)
    products = table.T @ table
    lengths = np.sqrt(products.diagonal())
    return products / lengths / lengths[:, None]
