"""The scores that py3langid gives all languages for a text, for many texts at once.

It reads bytes one by one through an automaton and adds up what the states say. Here all texts take a step together. The
sums of a text are its own, over the same numbers in the same order as in the library, so that they are equal to the
last bit, whatever is read beside it.

Here: scores. Not here: what they say against a language (`identifier.py`).

Shape letters: T texts, B bytes of the longest, S states, F features, L languages, V features of all texts, each text's
own only once.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Texts that are read together; fewer are sooner read one by one, ...
_AT_ONCE, _FEW = 1000, 8
#: ... as are those of more bytes: few are as long, and all would wait for them.
_LONG_BYTES = 1000


@cache
def model() -> Any:
    """Returns the identifier of py3langid, which is read once: it takes half a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


def scores(texts: Sequence[str]) -> "NDArray[Any]":
    """Returns the logarithm of the probability of each language of the model for each text, (T, L) float32."""
    import numpy as np

    found = model()
    encoded = list(map(found._encode, texts))
    scores_TL = np.empty((len(texts), len(found.nb_classes)), dtype=np.float32)
    by_length = sorted(range(len(texts)), key=lambda place: len(encoded[place]))
    short = [place for place in by_length if len(encoded[place]) <= _LONG_BYTES] if len(texts) >= _FEW else []
    for start in range(0, len(short), _AT_ONCE):
        some = short[start : start + _AT_ONCE]
        for place, row_L in zip(some, _together([encoded[place] for place in some]), strict=True):
            scores_TL[place] = row_L
    for place in by_length[len(short) :]:
        scores_TL[place] = found._raw_score(encoded[place])
    for column, same in found._alias_pairs:  # two columns of one language
        scores_TL[:, column] = np.maximum(scores_TL[:, column], scores_TL[:, same])
    return scores_TL


def _together(encoded: Sequence[bytes]) -> Iterator["NDArray[Any]"]:
    """Yields the scores of some texts, (L,) each.

    Args:
        encoded: Shorter texts first.
    """
    import numpy as np

    found, table_FL = model(), likelihoods()
    features_TB = _features(encoded)
    texts, _ = places = np.nonzero(features_TB >= 0)
    features = features_TB[places]
    # Each feature of a text once, in the order in which they first come up.
    of_text = texts * len(table_FL) + features
    _, first, counts = np.unique(of_text, return_index=True, return_counts=True)
    order = np.argsort(first)
    first, weights_V = first[order], np.log1p(counts[order].astype(np.float32))
    features_V = features[first].astype(np.intp)
    ends = np.searchsorted(texts[first], np.arange(len(encoded) + 1))
    rows_VL = np.empty((int(np.diff(ends).max(initial=0)), len(found.nb_classes)), dtype=np.float32)
    for start, end in pairwise(ends.tolist()):
        if start == end:
            yield np.full(len(found.nb_classes), np.finfo(np.float32).min, dtype=np.float32)
        else:
            of_text = table_FL.take(features_V[start:end], axis=0, out=rows_VL[: end - start], mode="clip")
            yield weights_V[start:end] @ of_text + found.nb_pc


def _features(encoded: Sequence[bytes]) -> "NDArray[Any]":
    """Returns the feature that each byte of each text completes, (T, B) int32; -1 where it completes none."""
    import numpy as np

    rows_S, moves, features_S = _automaton()
    lengths_T = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    longest = int(lengths_T.max(initial=0))
    bytes_BT = np.zeros((longest, len(encoded)), dtype=np.uint8)
    text = np.repeat(np.arange(len(encoded)), lengths_T)
    place = np.arange(len(text)) - np.repeat(np.cumsum(lengths_T) - lengths_T, lengths_T)
    bytes_BT[place, text] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    found_BT = np.full((longest, len(encoded)), -1, dtype=np.int32)
    state_T = np.zeros(len(encoded), dtype=np.int64)
    ended = np.searchsorted(lengths_T, np.arange(longest), side="right")
    for step, first in enumerate(ended.tolist()):
        state_T[first:] = moves[rows_S[state_T[first:]] + bytes_BT[step, first:]]
        found_BT[step, first:] = features_S[state_T[first:]]
    return np.ascontiguousarray(found_BT.T)


@cache
def likelihoods() -> "NDArray[Any]":
    """Returns log P(feature | language), (F, L), as 32 bits: the model has 16, and would widen them at each text."""
    import numpy as np

    found: NDArray[Any] = model().nb_ptc.astype(np.float32)
    return found


@cache
def _automaton() -> tuple["NDArray[Any]", "NDArray[Any]", "NDArray[Any]"]:
    """Returns where the moves of each state begin, (S,), the moves, and the feature that each state completes, (S,)."""
    import numpy as np

    found = model()
    moves = np.frombuffer(found.tk_nextmove, dtype=found.tk_nextmove.typecode)
    return np.asarray(found._rowbase, dtype=np.int64), moves, np.asarray(found.tk_output, dtype=np.int32)
