"""The words of a text in any script, for counting: not a tokenizer of any language.

Scripts that put no spaces between words (Thai, Lao, Khmer, Burmese, Chinese, Japanese) have no words without a
dictionary; pieces of two to six written characters stand in for them.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

from sdc.pipelines.text.folding import fold_case

#: In written characters (grapheme clusters): most Chinese words have two, many Thai words six.
_SHORTEST, _LONGEST = 2, 6


def terms(text: str, *, known: Collection[str] = ()) -> Iterator[str]:
    """Yields the words of a text, in order, as they are spelt; pieces where the script has no spaces.

    A word has at least two letters.

    Args:
        text: Any text.
        known: Folded words that are not wanted again; no piece overlaps one of them.

    >>> list(terms("Don't go to A4, 2024!", known=["go"]))
    ["Don't", 'to']
    >>> list(terms("天气好")), list(terms("天气很好", known=["天气"]))
    (['天气', '气好', '天气好'], ['很好'])
    """
    word, unspaced, cluster = _patterns()
    for match in word.finditer(text):
        run = match.group()
        if unspaced.match(run):
            for part in _without(run, known):
                yield from _pieces(cluster.findall(part))
        elif sum(map(str.isalpha, run)) >= _SHORTEST and fold_case(run) not in known:
            yield run


def _pieces(clusters: Sequence[str]) -> Iterator[str]:
    for size in range(_SHORTEST, _LONGEST + 1):
        for start in range(len(clusters) - size + 1):
            yield "".join(clusters[start : start + size])


def _without(run: str, known: Collection[str]) -> list[str]:
    parts = [run]
    for word in known:
        parts = [piece for part in parts for piece in part.split(word)]
    return parts


@cache
def _patterns() -> tuple[Any, Any, Any]:
    import regex  # 30 ms: only where words are counted

    joiners = "\u200c\u200d"  # inside words of Persian and of Indian scripts
    # Runs of scripts with and without spaces are separate words, even where they touch (`LCD液晶`).
    without = r"\p{lb=SA}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}"
    letters = rf"[[\p{{L}}\p{{M}}\p{{N}}{joiners}]--[{without}]]"
    word = rf"[{without}]+|{letters}+(?:['’]{letters}+)*"
    return regex.compile(word, regex.V1), regex.compile(rf"[{without}]"), regex.compile(r"\X")
