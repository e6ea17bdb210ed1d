"""What a word is, in any language: Unicode's default word boundaries.

Where a script has no spaces between words (Thai, Lao, Khmer, Burmese, Chinese, most of Japanese), these boundaries
leave characters with their marks. Such a "word" is shorter than a word: compare its figures with those of human rows,
not with those of another language.
"""

from functools import cache
from typing import Any

#: Words of an opening; in a script without spaces, as many characters as two short words have.
_OPENING, _OPENING_CHARACTERS = 2, 4


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


@cache
def _boundary() -> Any:
    import regex

    return regex.compile(r"(?wV1)\b")


@cache
def _unspaced() -> Any:
    import regex

    return regex.compile(r"[\p{Line_Break=SA}\p{Han}\p{Hiragana}\p{Katakana}]")
