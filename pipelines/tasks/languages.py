"""Languages by BCP-47 tag: names and scripts come from the langcodes library, groups from the paper.

Here: what a language tag means. Not here: language identification (the judge's gates).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from sdc.errors import UsageError, nearest

#: Section 4 and appendix A of the paper.
GROUPS: dict[str, tuple[str, ...]] = {
    "low": ("az", "ro", "sl", "te", "cy"),
    "medium": ("he", "id", "sw", "th"),
    "high": ("en", "de"),
}


#: What the tags of nearly all languages look like.
_CANONICAL = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
#: Words in the names of files and folders that are language codes, too.
_NO_LANGUAGES = frozenset(
    ("dev", "val", "all", "new", "old", "raw", "set", "csv", "tsv", "txt", "arrow", "parquet", "gold")
)
#: Longer words are names of languages, not codes.
_LONGEST_CODE = 3


class _Script:
    """A script that is looked up when it is asked for: a command whose result is there needs none."""

    def __get__(self, language: "Language | None", kind: type) -> str:
        if language is None:
            return ""  # the default of the field
        return language.__dict__["script"] or _script(language.tag)

    def __set__(self, language: "Language", script: str) -> None:
        language.__dict__["script"] = script


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language: canonical tag, ISO 15924 script, and the paper's resource group (or `other`)."""

    tag: str
    script: _Script = _Script()
    group: str

    @property
    def name(self) -> str:
        """The English name, looked up when a prompt needs it: the names of all languages take 80 ms to load."""
        import langcodes

        return str(langcodes.Language.get(self.tag).display_name())


def kept(tag: str) -> Language:
    """Returns the language of a tag that a store has kept, which `load` gave once: it is not looked up again.

    Raises:
        UsageError: It is plainly none.
    """
    return Language(tag=tag, group=group_of(tag)) if _CANONICAL.fullmatch(tag) else load(tag)


@cache
def _script(tag: str) -> str:
    import langcodes

    return str(langcodes.Language.get(tag).maximize().script or "Zyyy")


def load(tag: str) -> Language:
    """Returns the language of a BCP-47 tag.

    Raises:
        UsageError: The tag is malformed or names no known language.
    """
    if tag in paper_tags():
        return Language(tag=tag, group=group_of(tag))
    import langcodes  # about 70 ms: only where it is used

    try:
        parsed = langcodes.Language.get(tag)
        # Private and reserved tags (qaa) are valid and name nothing.
        known = parsed.is_valid() and (
            group_of(parsed.language or "") != "other" or not parsed.language_name().startswith("Unknown language")
        )
    except (langcodes.tag_parser.LanguageTagError, LookupError, AttributeError):
        known = False
    if not known:
        raise UsageError(f"unknown language {tag!r}", "--lang", _meant(tag))
    return Language(tag=str(parsed), group=group_of(parsed.language or ""))


def _by_name(name: str) -> Any:
    """Returns the language (of langcodes) that is called so in some language, or None."""
    import langcodes

    try:
        return langcodes.find(name)
    except (LookupError, UnicodeError):  # names with characters of control end its search so
        return None


def _meant(name: str) -> str:
    """Returns what to do about a tag that is none: it may be the name of a language, or nearly that of the paper's."""
    import langcodes

    found = _by_name(name)
    meant = None if found is None else str(found)
    if meant is None:
        by_name = {langcodes.Language.get(tag).display_name().casefold(): tag for tag in paper_tags()}
        near = nearest(name, by_name)
        meant = by_name[near] if near is not None else None
    return f"{f'did you mean {meant!r}? ' if meant is not None else ''}use a BCP-47 tag such as te, sw or pt-BR"


def named(name: str) -> str | None:
    """Returns the tag that a name in a data set stands for, as folders, columns and configurations call it, or None.

    An individual language counts as the one it belongs to (`swh` is `sw`), as in BCP-47.

    >>> named("yor_Latn"), named("TH"), named("swh"), named("Telugu"), named("train"), named("yoruba_sa")
    ('yo-Latn', 'th', 'sw', 'te', None, 'yo')
    """
    import langcodes

    words = name.strip().replace("_", "-")
    try:
        tag = langcodes.standardize_tag(words, macro=True)
        load(tag)
    except (langcodes.tag_parser.LanguageTagError, LookupError, AttributeError, UsageError):
        pass
    else:
        return None if words.casefold() in _NO_LANGUAGES else tag
    for part in (words.replace("-", " "), words.rpartition("-")[0].replace("-", " ")):
        found = _by_name(part) if len(part) > _LONGEST_CODE else None
        # Its English name: many a word is what some language calls itself.
        if found is not None and found.display_name().casefold() == part.casefold():
            return str(found)
    return None


def others(tag: str, known: Iterable[str]) -> list[str]:
    """Returns those of the known tags that are another one of the same language, as `th` beside `th-TH`, sorted.

    >>> others("th-TH", ["th", "en", "th-TH"])
    ['th']
    """
    return sorted({name for name in known if name != tag and matches(tag, name)})


def matches(tag: str, name: str) -> bool:
    """Returns whether a name in a data set stands for the language of a tag: script and region count where both say.

    >>> matches("th", "th_TH"), matches("yo", "yor_Latn"), matches("zh-TW", "zho_Hans"), matches("pt-BR", "pt_PT")
    (True, True, False, False)
    """
    if {tag, name} <= {*paper_tags()}:
        return tag == name  # no two of them are one language
    import langcodes

    other = named(name)
    if other is None:
        return False
    one, two = (langcodes.Language.get(langcodes.standardize_tag(text, macro=True)) for text in (tag, other))
    if one.language != two.language or (one.territory and two.territory and one.territory != two.territory):
        return False
    return bool(one.maximize().script == two.maximize().script)


def group_of(tag: str) -> str:
    """Returns the paper's resource group of a language: low, medium, high, or other.

    >>> group_of("te"), group_of("en"), group_of("fr")
    ('low', 'high', 'other')
    """
    primary = tag.split("-")[0].lower()
    return next((group for group, tags in GROUPS.items() if primary in tags), "other")


def paper_tags() -> list[str]:
    """Returns the eleven languages of the paper, low-resource first."""
    return [tag for tags in GROUPS.values() for tag in tags]
