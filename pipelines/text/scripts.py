"""Scripts: which ones a language is written in, which words of a text are in them, and what is no word at all.

Here: letters and scripts. Not here: what rejects a text (`gates/script.py`), which script a language has
(`tasks/languages.py`), words for counting (`words.py`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

#: ISO 15924 codes that stand for several Unicode scripts, or for one by another name.
_COMPOUND = {
    "Jpan": ("Hira", "Kana", "Hani"),
    "Kore": ("Hang", "Hani"),
    "Hans": ("Hani", "Bopo"),
    "Hant": ("Hani", "Bopo"),
    "Hrkt": ("Hira", "Kana"),
    "Aran": ("Arab",),
    "Latf": ("Latn",),
    "Latg": ("Latn",),
    "Cyrs": ("Cyrl",),
    "Geok": ("Geor",),
}
#: Inherited, common and unknown: no language is written in these, the library just does not know its script.
_NO_SCRIPT = ("Zinh", "Zyyy", "Zzzz")
#: Written without spaces between words: a loan word stands right beside its neighbours.
_WITHOUT_SPACES = frozenset(("Hani", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr", "Tibt", "Lana", "Talu", "Java"))
#: Another script is an own one too if so many letters of what people write are written in it.
_OWN_SHARE = 0.25
#: Addresses, names of users, hashtags, entities and escapes are in no language.
_DOMAINS = ("com", "org", "net", "edu", "gov", "info", "io")
_DOMAIN = f"(?:{'|'.join(_DOMAINS)})"
_NO_WORDS = (
    r"https?://\S+|www\.\S+|[\w.+-]+@\w[\w.-]+|[@#]\w+|&#?\w{1,10};|_x[0-9A-Fa-f]{4}_|<[^<>\s]{1,20}>"
    rf"|\b[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*\.{_DOMAIN}\b(?:\.[a-z]{{2}}\b)?(?:/\S*)?"
    rf"|\b(?:[a-zA-Z0-9.]+ (?:at|underscore) )+[a-zA-Z0-9]+ dot {_DOMAIN}\b"
)
_SIGNS_OF_NO_WORDS = ("@", "#", "&", "<", "_x", "://", " dot ")
_SIGNS_WITH_A_STOP = ("www.", *(f".{name}" for name in _DOMAINS))
#: A letter of these is a syllable or a word, as long as so many Latin ones.
_WEIGHTS = {"Hani": 3.0, "Hang": 2.5, "Hira": 2.0, "Kana": 2.0, "Ethi": 2.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class WritingSystem:
    """The writing system of a language, as people use it.

    Args:
        scripts: ISO 15924 codes of Unicode scripts.
        letter: Finds a letter of them, or a mark on one.
        weight: How many Latin letters one of them is as long as.
        foreign: Finds a letter of any other script.
        word: Finds a word with only such letters.
        spaced: Whether words are separated by spaces.
    """

    scripts: frozenset[str]
    letter: Any
    weight: float
    foreign: Any
    word: Any
    spaced: bool

    @cached_property
    def has(self) -> Callable[[str], bool]:
        """Whether a character is a letter of them, or a mark on one: asked once of each character."""
        return cache(lambda character: self.letter.match(character) is not None)

    @cached_property
    def _is_foreign(self) -> Callable[[str], bool]:
        return cache(lambda character: self.foreign.match(character) is not None)

    def has_foreign(self, text: str) -> bool:
        """Returns whether a letter of any other script is in a text."""
        return any(map(self._is_foreign, set(text)))

    def share(self, text: str) -> float:
        """Returns the share of the letters of `text` that are in these scripts, 0 to 1; 1 without letters.

        Beside words in these scripts, names in Latin letters do not count: they are written so everywhere.
        """
        return _share(self, text)


@lru_cache(maxsize=8192)  # several gates ask of each text
def _share(writing: WritingSystem, text: str) -> float:
    text = without_addresses(text)
    own = letters = 0
    for character, count in Counter(text).items():
        if _is_letter(character):
            letters += count
            if writing.has(character):
                own += count
    if own and own < letters and "Latn" not in writing.scripts:
        letters = num_letters(_name().sub(" ", text))
    others = max(0, letters - own)
    return writing.weight * own / (writing.weight * own + others) if own else float(not others)


def of(code: str, sample: Sequence[str] = ()) -> WritingSystem | None:
    """Returns the writing system of a language, and of whatever people write beside it; None if it is unknown.

    Args:
        code: The ISO 15924 code of the language's script, as `Telu` or `Jpan`.
        sample: Texts of people: a script that a quarter of their letters are in is an own one, too.

    >>> sorted(of("Jpan").scripts), sorted(of("Telu", ["oka telugu vaakyam"]).scripts), of("Zzzz")
    (['Hani', 'Hira', 'Kana'], ['Latn', 'Telu'], None)
    """
    import regex

    if code in _NO_SCRIPT:
        return None
    scripts = set(_COMPOUND.get(code, (code,)))
    counts = Counter[str]()
    for c, count in Counter("".join(map(without_addresses, sample))).items():
        if c.isalpha():
            counts[script_of(c)] += count
    scripts |= {name for name, count in counts.items() if count >= _OWN_SHARE * counts.total()} - {*_NO_SCRIPT}
    try:
        inside = "".join(rf"\p{{Script={name}}}" for name in sorted(scripts))
        letter = regex.compile(rf"(?=[\p{{L}}\p{{M}}])[{inside}]")
    except regex.error:  # a script that Unicode does not have
        return None
    word = regex.compile(rf"(?<![\p{{L}}\p{{M}}])[{inside}\p{{M}}\p{{Join_Control}}'’ʻʼ]+(?![\p{{L}}\p{{M}}])")
    foreign = regex.compile(rf"(?![{inside}\p{{Script=Zyyy}}\p{{Script=Zinh}}])\p{{L}}")
    spaced = not scripts & _WITHOUT_SPACES
    weight = 1.0 if "Latn" in scripts else max(_WEIGHTS.get(name, 1.0) for name in scripts)
    return WritingSystem(
        scripts=frozenset(scripts), letter=letter, weight=weight, foreign=foreign, word=word, spaced=spaced
    )


@lru_cache(maxsize=8192)
def without_addresses(text: str) -> str:
    """Returns `text` without addresses, names of users, hashtags and other things that are in no language.

    >>> without_addresses("@sam look: https://example.org &amp; #fun")
    '  look:      '
    """
    # Most texts have none of it, and to see that is quicker than to look for each.
    for sign in _SIGNS_OF_NO_WORDS:
        if sign in text:
            break
    else:
        if "." not in text or not any(sign in text for sign in _SIGNS_WITH_A_STOP):
            return text
    return str(_no_words().sub(" ", text))


def num_letters(text: str) -> int:
    """Returns the number of letters, and marks on them, in the words of `text`.

    >>> num_letters("two words, 3 #tags")
    8
    """
    return sum([count for c, count in Counter(without_addresses(text)).items() if _is_letter(c)])


@cache
def script_of(character: str) -> str:
    """Returns the ISO 15924 code of a letter's script, `Zyyy` for what all scripts share.

    >>> script_of("я"), script_of("x"), script_of("తె"[0]), script_of("ー")
    ('Cyrl', 'Latn', 'Telu', 'Zyyy')
    """
    return next((name for name, pattern in _scripts() if pattern.match(character)), "Zzzz")


@cache
def _is_letter(character: str) -> bool:
    return _letter().match(character) is not None


@cache
def _letter() -> Any:
    import regex

    return regex.compile(r"[\p{L}\p{M}]")


@cache
def _name() -> Any:
    """Returns the pattern of a word in Latin letters with a capital, first or second: Samsung, iPhone, NATO."""
    import regex

    return regex.compile(r"(?<!\p{Latin})\p{Latin}?(?=\p{Lu})\p{Latin}[\p{Latin}\p{M}]*")


@cache
def _no_words() -> Any:
    import regex

    return regex.compile(_NO_WORDS)


@cache
def _scripts() -> list[tuple[str, Any]]:
    """Returns (code, pattern) of the scripts that texts of today are written in."""
    import regex

    names = (
        "Latn Zyyy Zinh Cyrl Arab Hani Hira Kana Hang Telu Deva Beng Thai Hebr Grek Armn Geor Guru Gujr Orya Taml Knda "
        "Mlym Sinh Laoo Tibt Mymr Ethi Cher Khmr Mong Bopo Syrc Thaa Nkoo Vaii Tfng Olck Java Bali Sund Adlm Copt Yiii"
    )
    return [(name, regex.compile(rf"\p{{Script={name}}}")) for name in names.split()]
