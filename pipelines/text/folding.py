"""What a text becomes before it is compared with another: each way of folding, and why there are several.

What is folded away decides which texts are the same, and so what gates reject and what is counted: no way may be
changed for the sake of another. Not here: spellings of labels (`tasks.normalise`: tasks lie below texts), words
(`words.py`), keys: what is hashed is never folded.
"""

import unicodedata
from functools import cache
from typing import Any

#: Vowel points, which are optional in these scripts: Hebrew and Arabic.
_POINTS = dict.fromkeys(
    (*range(0x591, 0x5BE), 0x5BF, 0x5C1, 0x5C2, 0x5C4, 0x5C5, 0x5C7, 0x640, *range(0x64B, 0x653), 0x670)
)
_POINTED = frozenset(map(chr, _POINTS))


def one_line(text: str) -> str:
    r"""Returns a text with single spaces for all white space between its words, and none around it.

    >>> one_line("  a\r\n\tb ")
    'a b'
    """
    return " ".join(text.split())


def fold_case(text: str) -> str:
    """Returns a text in NFC and case-folded, as words are compared: white space is kept, for a word has none.

    >>> fold_case("Ko\\u0308LN") == "k\\u00f6ln"
    True
    """
    return unicodedata.normalize("NFC", text).casefold()


def fold(text: str) -> str:
    """Returns a text as duplicates, copies and leaks are found: NFC, case-folded, on one line.

    NFC and not NFKC: two texts that differ in full-width letters or superscripts are two texts.

    >>> fold("  Hello   World ")
    'hello world'
    """
    return one_line(fold_case(text))


def fold_compatible(text: str) -> str:
    """Returns a text in NFKC and case-folded, as replies are read: models write yes in bold and full-width letters.

    >>> fold_compatible("\\uff39es")
    'yes'
    """
    return unicodedata.normalize("NFKC", text).casefold()


def fold_name(name: str) -> str:
    """Returns the name of a column as it is looked for: case-folded, without blanks around it.

    In the Unicode form that it has: a file may hold two columns that differ in nothing else.

    >>> fold_name(" Text ")
    'text'
    """
    return name.strip().casefold()


def fold_letters(text: str) -> str:
    """Returns the words of a text in small letters, each between spaces, Latin ones without accents: people drop them.

    For models of how a language is written, to which signs and digits say nothing.

    >>> fold_letters("Trezește-mă la 7!"), fold_letters("రేపు")
    (' trezeste ma la ', ' రేపు ')
    """
    folded = fold_case(text)
    bare = folded if folded.isascii() else "".join(map(_bare, folded))
    return f" {' '.join(_letters().findall(bare))} "


def unpointed(text: str) -> str:
    """Returns a text in NFC and without optional vowel points: the language identifier learned from texts without.

    Case is kept, which the identifier reads.

    >>> unpointed("שָׁלוֹם"), unpointed("سَلامٌ"), unpointed("Ko\\u0308ln")
    ('שלום', 'سلام', 'Köln')
    """
    text = unicodedata.normalize("NFC", text)
    if text.isascii() or _POINTED.isdisjoint(text):
        return text  # the usual case, quickly
    return unicodedata.normalize("NFC", text.translate(_POINTS))


@cache
def _bare(character: str) -> str:
    if character.isascii():
        return character
    first = unicodedata.normalize("NFD", character)[0]
    return first if first.isascii() else character


@cache
def _letters() -> Any:
    import regex

    return regex.compile(r"[\p{L}\p{M}]+")
