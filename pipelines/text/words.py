"""The words of a text in any script, for counting: not a tokenizer of any language.

Two meanings of a word, which must not be mixed: `words` are all that Unicode's default boundaries part, for figures of
a data card; `terms` are words that could be asked for or forbidden in a prompt. Scripts that put no spaces between
words (Thai, Lao, Khmer, Burmese, Chinese, Japanese) have no words without a dictionary: `words` leaves characters with
their marks there, so compare its figures with those of human rows, not with those of another language; `terms` gives
all pieces of two to six written characters.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any

from sdc.pipelines.text.folding import fold_case

#: Letters of scripts without spaces between words, as members of a set.
_UNSPACED = r"\p{lb=SA}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}"
#: Words of an opening; in a script without spaces, as many characters as two short words have.
_OPENING, _OPENING_CHARACTERS = 2, 4
#: Of terms, in written characters (grapheme clusters): most Chinese words have two, many Thai words six.
_SHORTEST, _LONGEST = 2, 6


def words(text: str) -> list[str]:
    """Returns the case-folded words of a text; punctuation and symbols are none.

    Source: Unicode Standard Annex #29, Unicode Text Segmentation, section 4.

    >>> words("Don't wait, it's 3.5 km!")
    ["don't", 'wait', "it's", '3.5', 'km']
    >>> words("ఆదివారం ఉదయం"), words("今天很好")
    (['ఆదివారం', 'ఉదయం'], ['今', '天', '很', '好'])
    """
    return [part for part in _boundary().split(text.casefold()) if any(map(str.isalnum, part))]


def opening(text: str) -> tuple[str, ...] | None:
    """Returns the first two words, or the first four characters in a script without spaces; None of a shorter text.

    >>> opening("Just spent 3 hours"), opening("今天天气很好"), opening("Yes")
    (('just', 'spent'), ('今', '天', '天', '气'), None)
    """
    found = words(text)
    wanted = _OPENING_CHARACTERS if found and _unspaced().match(found[0]) else _OPENING
    return tuple(found[:wanted]) if len(found) >= wanted else None


def terms(text: str, *, known: Collection[str] = ()) -> Iterator[str]:
    """Yields the words of a text, in order, as they are spelt; pieces where the script has no spaces.

    A word has at least two letters.

    Args:
        text: Any text.
        known: Words that are not wanted again, as `fold_case` leaves them; no piece overlaps one of them.

    >>> list(terms("Don't go to A4, 2024!", known=["go"]))
    ["Don't", 'to']
    >>> list(terms("天气好")), list(terms("天气很好", known=["天气"]))
    (['天气', '气好', '天气好'], ['很好'])
    """
    for match in _run().finditer(text):
        run = match.group()
        if _unspaced().match(run):
            for part in _without(run, known):
                yield from _pieces(_cluster().findall(part))
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


def _compiled(pattern: str) -> Any:
    import regex  # 30 ms: only where words are counted

    return regex.compile(pattern, regex.V1)


@cache
def _boundary() -> Any:
    return _compiled(r"(?w)\b")


@cache
def _unspaced() -> Any:
    return _compiled(f"[{_UNSPACED}]")


@cache
def _cluster() -> Any:
    return _compiled(r"\X")


@cache
def _run() -> Any:
    """Returns what finds runs of letters: those of scripts with and without spaces apart, even where they touch."""
    joiners = "\u200c\u200d"  # inside words of Persian and of Indian scripts
    letters = rf"[[\p{{L}}\p{{M}}\p{{N}}{joiners}]--[{_UNSPACED}]]"
    return _compiled(rf"[{_UNSPACED}]+|{letters}+(?:['’]{letters}+)*")
