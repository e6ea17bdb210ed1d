"""The yes/no reader: what a judge said in words, for engines that give no probabilities.

Here: reading one reply. Not here: the readers of labels, votes and thresholds (`judge/llm.py`).
"""

import re

from sdc.pipelines.text.folding import fold_compatible

#: What may stand before an answer without changing it: punctuation, white space, markdown, tags such as `<answer>`.
_BEFORE = re.compile(r"(?:<[^<>]{1,40}>|[\W_])*")
_PUNCTUATION = re.compile(r"[\W_]*")
_ANSWER = re.compile(r"(yes|no)(?![^\W_])")
_TAG = re.compile(r"<[^<>]{1,40}>")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
#: A yes with one of these behind it is no plain yes.
_TAKES_BACK = frozenset({"no", "not", "nor", "but", "however", "although", "though", "except", "unless", "unsure"})
_EITHER = re.compile(r"[\W_]*(?:/|\||\b(?:or|and)\b)[\W_]*yes(?![^\W_])")


def read(reply: str) -> bool | None:
    """Returns whether a reply says yes (True) or no (False), or None (unparsed).

    The answer has to come first. A no counts whatever follows; a yes only if nothing behind it takes it back. Case,
    punctuation and markup do not matter.

    >>> [read(reply) for reply in ("Yes.", "**no**", "Yes: the text is natural.", "No, I would not say yes.")]
    [True, False, True, False]
    >>> [read(reply) for reply in ("", "yes or no", "Yes, but it is odd", "It depends", "I say yes", "yesterday")]
    [None, None, None, None, None, None]
    """
    text = fold_compatible(reply)
    # As it stands first: `<yes>` is an answer in brackets and no tag.
    for before in (_PUNCTUATION, _BEFORE):
        start = before.match(text)
        answer = _ANSWER.match(text, start.end() if start else 0)
        if answer:
            rest = text[answer.end() :]
            return _no(rest) if answer[1] == "no" else _yes(_TAG.sub(" ", rest))
    return None


def _no(rest: str) -> bool | None:
    return None if _EITHER.match(rest) else False


def _yes(rest: str) -> bool | None:
    words = _WORD.findall(rest)
    doubted = any(word in _TAKES_BACK or word.endswith(("n't", "n’t")) for word in words)
    return None if doubted else True
