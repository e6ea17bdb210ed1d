"""Values of a flag with commas between them.

Here: the one way in which a flag that may be repeated, or hold several values, is read. Not here: what the values mean.
"""

from collections.abc import Iterable


def parts(given: str | Iterable[str] | None) -> list[str]:
    """Returns the values, in order, without the blanks around them; empty ones are left out.

    >>> parts("100, 500,all"), parts(["te,sw", " de "]), parts(",,"), parts(None)
    (['100', '500', 'all'], ['te', 'sw', 'de'], [], [])

    Args:
        given: What the flag says, or what each of its repetitions says; None if it was not given.
    """
    texts = [given] if isinstance(given, str) else given or []
    return [part for text in texts for part in map(str.strip, text.split(",")) if part]
