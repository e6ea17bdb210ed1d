"""empty: a text without letters. Emoji, digits and punctuation alone teach a classifier of texts nothing."""

from collections.abc import Callable

from sdc.pipelines.gates.reference import Reference

#: The least number of letters.
THRESHOLD = 1.0


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check for texts with fewer than `threshold` letters."""

    def check(text: str) -> str | None:
        letters = sum(map(str.isalpha, text))
        return None if letters >= threshold else "no letter in it" if not letters else f"only {letters} letters"

    return check
