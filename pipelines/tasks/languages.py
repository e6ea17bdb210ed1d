"""Languages by BCP-47 tag: names and scripts come from the langcodes library, groups from the paper.

Here: what a language tag means. Not here: language identification (the judge's gates).
"""

from dataclasses import dataclass

from sdc.errors import UsageError

#: Section 4 and appendix A of the paper.
GROUPS: dict[str, tuple[str, ...]] = {
    "low": ("az", "ro", "sl", "te", "cy"),
    "medium": ("he", "id", "sw", "th"),
    "high": ("en", "de"),
}


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language: canonical tag, ISO 15924 script, and the paper's resource group (or `other`)."""

    tag: str
    script: str
    group: str

    @property
    def name(self) -> str:
        """The English name, looked up when a prompt needs it: the names of all languages take 80 ms to load."""
        import langcodes

        return str(langcodes.Language.get(self.tag).display_name())


def load(tag: str) -> Language:
    """Returns the language of a BCP-47 tag.

    Raises:
        UsageError: The tag is malformed or names no known language.
    """
    import langcodes  # about 40 ms: only where it is used

    try:
        parsed = langcodes.Language.get(tag)
        # Private and reserved tags (qaa) are valid and name nothing.
        known = parsed.is_valid() and (
            group_of(parsed.language or "") != "other" or not parsed.language_name().startswith("Unknown language")
        )
    except (langcodes.tag_parser.LanguageTagError, LookupError, AttributeError):
        known = False
    if not known:
        raise UsageError(f"unknown language {tag!r}", "--lang", "use a BCP-47 tag such as te, sw or pt-BR")
    full = parsed.maximize()
    return Language(tag=str(parsed), script=full.script or "Zyyy", group=group_of(parsed.language or ""))


def group_of(tag: str) -> str:
    """Returns the paper's resource group of a language: low, medium, high, or other.

    >>> group_of("te"), group_of("en"), group_of("fr")
    ('low', 'high', 'other')
    """
    primary = tag.split("-")[0].lower()
    return next((group for group, tags in GROUPS.items() if primary in tags), "other")


def paper_tags() -> list[str]:
    """Returns the eleven languages of the paper, low-resource first; what `--lang all` means."""
    return [tag for tags in GROUPS.values() for tag in tags]
