"""The language identifier: how much better any other language explains a text than the one asked for.

Here: py3langid with what its scores need to be useful on short texts. Not here: limits and reasons
(`gates/language.py`), what people's own rows are like (`gates/usual.py`).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sdc.pipelines.tasks.languages import paper_tags
from sdc.pipelines.text.folding import unpointed

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
        self._same = (tag, *_SAME.get(tag, ()))
        self._num_factors = len(set(self._factors.values()))

    def guess(self, text: str) -> Guess:
        """Returns the best other language for the letters of a text; one without evidence for a short text."""
        text = unpointed(text)
        letters = [c for c in text if c.isalpha()]
        if len(letters) < LEAST_LETTERS:
            return Guess(tag=self.tag, evidence=0.0)
        if 2 * sum(map(str.isupper, letters)) > len(letters):
            text = text.lower()  # the identifier was trained on usual writing
        ranked = self._model.rank(text)  # best first
        own = next(score for tag, score in ranked if tag in self._same)
        num_bytes = len(text.encode(errors="surrogatepass"))
        # Of languages that need equally much evidence the first has most.
        best: dict[float, tuple[float, str]] = {}
        for tag, score in ranked:
            factor = self._factors.get(tag)
            if factor is not None and factor not in best:
                best[factor] = score, tag
                if len(best) == self._num_factors:
                    break
        # Its features overlap: divided by the root of the length, the scores are as sure as they are right.
        evidence, tag = max(((score - own) / num_bytes**0.5 / factor, tag) for factor, (score, tag) in best.items())
        margin = max(score for score, _ in best.values()) - own
        return Guess(tag=tag, evidence=evidence, margin=margin / num_bytes, num_bytes=num_bytes)


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
def model() -> Any:
    """Returns the identifier of py3langid, which is read once: it takes half a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


@cache
def _relatives(tag: str) -> frozenset[str]:
    """Returns the languages that the identifier itself takes for similar: their features go together."""
    import numpy as np

    found = model()
    table = np.asarray(found.nb_ptc, dtype=np.float32)  # log P(feature | language), features x languages
    table = table - table.mean(axis=1, keepdims=True)
    table /= np.linalg.norm(table, axis=0)
    correlation = table.T @ table[:, found.nb_classes.index(tag)]
    return frozenset(name for name, r in zip(found.nb_classes, correlation, strict=True) if r >= _RELATED) - {tag}
