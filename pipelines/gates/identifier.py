"""The language identifier: how much better any other language explains a text than the one that was asked for.

Here: py3langid with what its scores need to be useful on short texts. Not here: limits and reasons (`language.py`).
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sdc.pipelines.tasks.languages import paper_tags

#: So much more evidence is needed for a language that is none of the paper's: of 140, some fit any text by chance; ...
_OTHERS = 2.0
#: ... and for one that people often cannot tell apart either in short or careless texts (Turkish and Azerbaijani).
_RELATIVES = 3.5
#: Correlation of the features of two languages from which on they are relatives.
_RELATED = 0.35
#: Identification of shorter texts is a guess.
_LEAST_LETTERS = 12
#: What the identifier calls a language by a name that is none of its BCP-47 names.
_ALIASES = {"nb": "no", "fil": "tl"}
#: It stands for "no linguistic content".
_NO_LANGUAGE = "zxx"
#: Where a probability underflows.
_TINY = 1e-30


@dataclass(frozen=True, kw_only=True)
class Guess:
    """The language that explains a text best, and the evidence for it against the language asked for.

    Args:
        tag: The language.
        evidence: Logarithm of the ratio of probabilities (0 or less: the language asked for is as good), divided by
            the factor above.
    """

    tag: str
    evidence: float


class Identifier:
    """Compares one language with all others.

    Args:
        tag: A language that py3langid knows.
    """

    def __init__(self, tag: str) -> None:
        self._model = _model()
        self.tag = tag
        near = _relatives(tag)
        paper = {*paper_tags()}
        self._factors = {
            other: _RELATIVES if other in near else 1.0 if other in paper else _OTHERS
            for other in self._model.labels
            if other not in (tag, _NO_LANGUAGE)
        }

    def guess(self, text: str) -> Guess:
        """Returns the best other language for the letters of a text; one without evidence for a short text."""
        import math

        letters = [c for c in text if c.isalpha()]
        if len(letters) < _LEAST_LETTERS:
            return Guess(tag=self.tag, evidence=0.0)
        if 2 * sum(map(str.isupper, letters)) > len(letters):
            text = text.lower()  # the identifier was trained on usual writing
        found = dict(self._model.rank(text))
        own = math.log(max(found[self.tag], _TINY))
        evidence, tag = max(
            ((math.log(max(found[other], _TINY)) - own) / factor, other) for other, factor in self._factors.items()
        )
        return Guess(tag=tag, evidence=evidence)


def known(tag: str) -> str | None:
    """Returns the label that the identifier has for a language tag, or None.

    >>> known("te"), known("pt-BR"), known("nb"), known("cmn-Hant"), known("tlh")
    ('te', 'pt', 'no', 'zh', None)
    """
    import langcodes

    language = langcodes.Language.get(tag)
    own = language.language or ""
    candidates = (own, language.prefer_macrolanguage().language, _ALIASES.get(own))
    return next((name for name in candidates if name in _model().labels), None)


@cache
def _model() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@cache
def _relatives(tag: str) -> frozenset[str]:
    """Returns the languages that the identifier itself takes for similar: their features go together."""
    import numpy as np

    model = _model()
    table = np.asarray(model.nb_ptc, dtype=np.float32)  # log P(feature | language), features x languages
    table = table - table.mean(axis=1, keepdims=True)
    table /= np.linalg.norm(table, axis=0)
    correlation = table.T @ table[:, model.nb_classes.index(tag)]
    return frozenset(name for name, r in zip(model.nb_classes, correlation, strict=True) if r >= _RELATED) - {tag}
