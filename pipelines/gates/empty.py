"""empty: a text without letters: digits and punctuation alone teach a classifier of texts nothing.

Emoji do, where people use some: a post of three hearts is a post. And what people themselves write without letters
(`10/10`, `:)`) is none in their cell.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from sdc.pipelines.gates.reference import Reference

#: The least number of letters.
THRESHOLD = 1.0
#: Rows of people without a letter that may be slips of their own, as a share.
_ODD_SHARE = 0.0025


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check for texts with fewer than `threshold` letters; emoji are letters where people use them."""
    uses_emoji = emoji().search("\n".join(reference.human)) is not None
    bare = sum(bool(text.strip()) and not any(map(str.isalpha, text)) for text in reference.human)
    writes_none = bare > _ODD_SHARE * len(reference.human)

    def check(text: str) -> str | None:
        letters = sum(map(str.isalpha, text)) + (len(emoji().findall(text)) if uses_emoji else 0)
        if letters >= threshold or (writes_none and text.strip()):
            return None
        return "no letter in it" if not letters else f"only {letters} letters"

    return check


@cache
def emoji() -> Any:
    """Returns the pattern of an emoji."""
    import regex

    return regex.compile(r"[\p{Emoji_Presentation}\p{Extended_Pictographic}--[©®™‼⁉ℹ↔-⇿]]", regex.VERSION1)
